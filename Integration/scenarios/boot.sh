# SPDX-License-Identifier: Apache-2.0
# Nothing at all: for measuring the way to here.
true
