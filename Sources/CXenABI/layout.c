// SPDX-License-Identifier: Apache-2.0
// The layout checks of CXenABI.h are made by compiling it.
#include "CXenABI.h"
