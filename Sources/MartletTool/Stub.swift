enum TestCommand { static func main(_ a: [String]) throws -> Int32 { 0 } }
enum BenchCommand { static func main(_ a: [String]) throws -> Int32 { 0 } }
