# SPDX-License-Identifier: Apache-2.0
# culvert_embed(target HEADER templates.hpp NAMESPACE a::b FILES x.conf …): the target may include HEADER, which has the text of
# each file as a std::string_view in a map by file name.
function(culvert_embed target)
    cmake_parse_arguments(ARG "" "HEADER;NAMESPACE" "FILES" ${ARGN})
    set(entries "")
    foreach(file ${ARG_FILES})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
        get_filename_component(name ${file} NAME)
        file(READ ${file} text)
        string(APPEND entries "    {\"${name}\", R\"embedded(${text})embedded\"},\n")
    endforeach()
    list(LENGTH ARG_FILES count)
    set(directory ${CMAKE_CURRENT_BINARY_DIR}/embedded)
    file(CONFIGURE OUTPUT ${directory}/${ARG_HEADER} @ONLY CONTENT "#pragma once
#include <array>
#include <string_view>
#include <utility>
namespace @ARG_NAMESPACE@ {
inline constexpr std::array<std::pair<std::string_view, std::string_view>, @count@> embedded{{
@entries@}};
}
")
    target_include_directories(${target} PRIVATE ${directory})
endfunction()
