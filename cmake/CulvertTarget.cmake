# SPDX-License-Identifier: Apache-2.0
# Flags that every target of ours takes, and the two ways in which tests are added.

add_library(culvert_flags INTERFACE)
target_include_directories(culvert_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(culvert_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wold-style-cast -Werror
    -Wno-missing-field-initializers # designated initializers name what differs from the default
    # In a unity build, a local name may shadow a name of the file before.
    $<$<NOT:$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wshadow>)
if(CULVERT_SANITIZE)
    # Of the tests' own code only what finds dangling references: it takes half the time to compile. Not `vptr`: it looks at memory by a
    # pipe, and takes a process that can open no more files for one with broken objects. Not null pointers and sizes of objects: what they
    # find, AddressSanitizer finds when memory is touched, and they take a quarter of the compilers' time.
    set(is_test "$<BOOL:$<TARGET_PROPERTY:CULVERT_TEST>>")
    target_compile_options(culvert_flags INTERFACE
        -fsanitize=address $<$<NOT:${is_test}>:-fsanitize=undefined$<COMMA>fuzzer-no-link> $<$<NOT:${is_test}>:-fno-sanitize=vptr$<COMMA>null$<COMMA>object-size$<COMMA>nonnull-attribute$<COMMA>returns-nonnull-attribute>
        -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(culvert_flags INTERFACE -fsanitize=address,undefined)
endif()

# culvert_unity(target): with CMAKE_UNITY_BUILD, twelve files of one folder are compiled as one, and so are all files that declare command
# lines, as these are few in a folder and share large headers. Two files of such a group may not have the same name in their anonymous
# namespaces. Preset dev compiles each file alone, so that each includes what it uses.
function(culvert_unity target)
    get_target_property(sources ${target} SOURCES)
    set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
    foreach(source ${sources})
        cmake_path(GET source PARENT_PATH group)
        if(source MATCHES "/commands?\\.cpp$")
            set(group commands)
        endif()
        string(MD5 group "${group}")
        math(EXPR files_${group} "0${files_${group}} + 1")
        math(EXPR batch "(${files_${group}} - 1) / 12")
        set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group}_${batch})
    endforeach()
endfunction()

# culvert_library(netlink SOURCES a.cpp … LIBRARIES PkgConfig::NL …): the static library culvert_netlink.
function(culvert_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
    add_library(culvert_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(culvert_${name} PUBLIC culvert_flags ${ARG_LIBRARIES})
    culvert_unity(culvert_${name})
endfunction()

# culvert_test(netlink_unit LABEL unit [WHOLE] SOURCES … LIBRARIES … [PROPERTIES …] [EACH_KERNEL Name Name/parameter …]
# [TRAFFIC Name …]): a GoogleTest
# binary whose tests ctest lists one by one; with WHOLE it is one test to ctest, for tests that share what is costly to set up. Tests that
# EACH_KERNEL or TRAFFIC names have the label each_kernel or traffic in place of LABEL. With CULVERT_SHARDS, LABEL is that many processes, which share the tests,
# and the tests one by one have the label <LABEL>_one_by_one.
# Labels: unit (no privilege), packet (BPF_PROG_TEST_RUN, root), kernel (netlink/ against the kernel, root), netns (network namespaces,
# root), each_kernel (those that run on each kernel), traffic (those that sanitizers tell nothing of). Target unit_tests builds all of a label.
function(culvert_test name)
    cmake_parse_arguments(ARG "WHOLE" "LABEL" "SOURCES;LIBRARIES;PROPERTIES;EACH_KERNEL;TRAFFIC" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE culvert_flags ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
    set_target_properties(${name} PROPERTIES CULVERT_TEST ON)
    culvert_unity(${name})
    if(NOT TARGET ${ARG_LABEL}_tests)
        add_custom_target(${ARG_LABEL}_tests)
    endif()
    add_dependencies(${ARG_LABEL}_tests ${name})
    set(properties SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]" ${ARG_PROPERTIES})
    # Random input: a tenth of what runs without sanitizers, which make it ten times as slow.
    set(fewer)
    if(CULVERT_SANITIZE)
        set(fewer RC_PARAMS=max_success=10 CULVERT_HISTORIES=50 CULVERT_TEXTS=100)
    endif()
    if(ARG_WHOLE)
        add_test(NAME ${name} COMMAND ${name} --gtest_brief=1 WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} ${properties})
        return()
    endif()
    set(others)
    set(labels ${ARG_LABEL})
    foreach(label each_kernel traffic)
        string(TOUPPER ${label} list)
        set(filter)
        foreach(test ${ARG_${list}})
            string(REGEX REPLACE "/.*" "" plain ${test})
            file(STRINGS ${ARG_SOURCES} found REGEX "^TEST(_F|_P)?\\([A-Za-z]+, ${plain}\\)")
            if(NOT found AND NOT test STREQUAL "*")
                message(FATAL_ERROR "${ARG_SOURCES} has no test ${plain}, which is to have the label ${label}")
            endif()
            list(APPEND filter "*.${test}" "*.${test}/*")
        endforeach()
        if(filter)
            list(APPEND others ${filter})
            list(APPEND labels ${label})
            list(JOIN filter ":" filters_${label})
        endif()
    endforeach()
    set(filters_${ARG_LABEL} "*")
    if(others)
        list(JOIN others ":" filter)
        set(filters_${ARG_LABEL} "*-${filter}")
    elseif(CULVERT_SHARDS)
        foreach(shard RANGE 1 ${CULVERT_SHARDS})
            math(EXPR index "${shard} - 1")
            add_test(NAME ${name}.${shard} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
            set_tests_properties(${name}.${shard} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 1200 ${ARG_PROPERTIES}
                ENVIRONMENT "GTEST_TOTAL_SHARDS=${CULVERT_SHARDS};GTEST_SHARD_INDEX=${index};${fewer}")
        endforeach()
        set(labels ${ARG_LABEL}_one_by_one)
        set(filters_${labels} "*")
    endif()
    foreach(label ${labels})
        gtest_discover_tests(${name} NO_PRETTY_VALUES WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DISCOVERY_TIMEOUT 60
            TEST_FILTER "${filters_${label}}" TEST_LIST ${name}_${label} PROPERTIES LABELS ${label} ${properties})
    endforeach()
endfunction()
