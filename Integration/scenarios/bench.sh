# SPDX-License-Identifier: Apache-2.0
# Prints what basic operations cost.
cost
