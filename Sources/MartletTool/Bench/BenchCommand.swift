// SPDX-License-Identifier: Apache-2.0
enum BenchCommand { static func main(_ a: [String]) throws -> Int32 { 0 } }
