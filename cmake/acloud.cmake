# One library a folder, with its tests beside it.
#
#   acloud_library(base SOURCES error.cc ... DEPENDS fmt::fmt)
#   acloud_test(base SOURCES error_test.cc ... DEPENDS ...)
#
# The library of folder src/a/b is the target acloud_a_b. DEPENDS lists folders' targets and outside
# libraries; a folder may depend only on what stands above it in the table of scripts/layers.txt,
# which scripts/check-layers verifies from the includes themselves.

# The headers that nearly every file includes, compiled once.
set(ACLOUD_PCH_HEADERS
  <algorithm> <chrono> <coroutine> <cstdint> <expected> <functional> <map> <memory> <optional> <span>
  <string> <string_view> <thread> <tuple> <unordered_map> <utility> <variant> <vector>
  <fmt/format.h> <nlohmann/json.hpp>)

add_library(acloud_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/pch.cc)
target_precompile_headers(acloud_pch PRIVATE ${ACLOUD_PCH_HEADERS})
target_link_libraries(acloud_pch PUBLIC fmt::fmt nlohmann_json::nlohmann_json)

function(acloud_use_pch target)
  target_link_libraries(${target} PUBLIC fmt::fmt nlohmann_json::nlohmann_json)
  target_precompile_headers(${target} REUSE_FROM acloud_pch)
endfunction()

# For sources that can't be joined with others of their library into one (CMAKE_UNITY_BUILD), mostly since they
# include headers of the kernel that say what those of the C library say.
function(acloud_compile_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# acloud_embeds(SOURCE DEPENDS FILE...): a source that takes the bytes of files into the program, and so is compiled
# again when these change. Alone, since what depends on a joined source is forgotten.
function(acloud_embeds source)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${ARG_DEPENDS}" SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

function(acloud_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(acloud_${name} STATIC ${ARG_SOURCES})
  target_include_directories(acloud_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(acloud_${name} PUBLIC ${ARG_DEPENDS})
  acloud_use_pch(acloud_${name})
endfunction()

# How a test runs. TIMEOUT in seconds (120 if not given). LABELS as ctest has them: one labelled `exclusive`
# measures, so nothing runs beside it; one labelled `computing` keeps a processor busy all the time, so it takes the
# place of two others (scripts/test runs two for each processor, as most wait most of the time).
function(acloud_limit_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  if("exclusive" IN_LIST ARG_LABELS)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
  if("computing" IN_LIST ARG_LABELS)
    set_tests_properties(${name} PROPERTIES PROCESSORS 2)
  endif()
endfunction()

# A program of unit tests, which is `computing`. TIMEOUT and LABELS as acloud_limit_test() has them.
function(acloud_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${ARG_DEPENDS} GTest::gtest GTest::gmock GTest::gtest_main)
  if(TARGET acloud_${name})
    target_link_libraries(${name}_test PRIVATE acloud_${name})
  endif()
  target_include_directories(${name}_test PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(${name}_test PRIVATE -O1)  # what is tested is optimised; the test need not be
  acloud_use_pch(${name}_test)
  add_test(NAME ${name} COMMAND ${name}_test)
  acloud_limit_test(${name} TIMEOUT ${ARG_TIMEOUT} LABELS computing ${ARG_LABELS})
endfunction()

# A fuzz target, the program fuzz_<name>: SOURCES define LLVMFuzzerTestOneInput (tests/fuzz/fuzz.h). In the
# fuzz preset it is libFuzzer's, which scripts/fuzz runs; in the others it replays tests/fuzz/corpus/<name>,
# as an ordinary test.
add_custom_target(fuzzers)
function(acloud_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  set(target fuzz_${name})
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE ${ARG_DEPENDS})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests/fuzz)
  acloud_use_pch(${target})
  add_dependencies(fuzzers ${target})
  if(ACLOUD_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.cc)
    add_test(NAME ${target} COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(${target} PROPERTIES TIMEOUT 60 LABELS fuzz)
  endif()
endfunction()
