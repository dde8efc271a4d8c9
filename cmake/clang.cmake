# SPDX-License-Identifier: Apache-2.0
# A toolchain: the clang that scripts/packages lists with libFuzzer, 16 on Debian 12 and 19 on Debian 13.
find_program(CLANG NAMES clang-16 clang-19 REQUIRED)
find_program(CLANGXX NAMES clang++-16 clang++-19 REQUIRED)
set(CMAKE_C_COMPILER ${CLANG})
set(CMAKE_CXX_COMPILER ${CLANGXX})
