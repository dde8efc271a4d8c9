# SPDX-License-Identifier: Apache-2.0
# culvert_version(SOURCE FALLBACK): sets CULVERT_VERSION, unless the user has set it: 0.2.0 at git's tag v0.2.0, 0.2.0+5.g1a2b3c4 five
# commits later, and FALLBACK where git, its history or a tag is missing. Configures again when git's HEAD moves.
function(culvert_version source fallback)
    if(CULVERT_VERSION)
        return()
    endif()
    set(version ${fallback})
    find_program(GIT NAMES git)
    mark_as_advanced(GIT)
    # The folder may lie inside the repository of another project.
    if(GIT AND EXISTS ${source}/.git)
        execute_process(COMMAND ${GIT} -C ${source} describe --tags --abbrev=7 --match v[0-9]* --exclude *-*
            OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
        if(described MATCHES "^v([0-9]+(\\.[0-9]+)*)(-([0-9]+)-(g[0-9a-f]+))?$")
            set(version ${CMAKE_MATCH_1})
            if(CMAKE_MATCH_3)
                string(APPEND version "+${CMAKE_MATCH_4}.${CMAKE_MATCH_5}")
            endif()
        endif()
        execute_process(COMMAND ${GIT} -C ${source} rev-parse --path-format=absolute --git-path logs/HEAD
            OUTPUT_VARIABLE log OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
        if(log AND EXISTS ${log} AND NOT CMAKE_SCRIPT_MODE_FILE)
            set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${log})
        endif()
    endif()
    set(CULVERT_VERSION ${version} PARENT_SCOPE)
endfunction()
