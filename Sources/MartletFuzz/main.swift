// SPDX-License-Identifier: Apache-2.0
// `MartletFuzz --steps N --seed S`: episodes of random steps from seed S on, one seed each, until N steps are done.
Fuzzer.main()
