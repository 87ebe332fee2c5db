# How everything is compiled. clang-19 alone: g++ 12 destroys aggregates in `co_await` arguments twice.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "acloud builds with clang 19 or newer; use a preset: cmake --preset release")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Sources of a library are compiled six at a time, as one: that takes less than half the time for the whole project,
# and more for a change of one file. So the preset `dev` has it off. Names in namespaces without a name are
# therefore unique within a library.
option(ACLOUD_JOIN_SOURCES "Compile several sources of a library as one" ON)
set(CMAKE_UNITY_BUILD ${ACLOUD_JOIN_SOURCES})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 6)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

set(ACLOUD_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=")
option(ACLOUD_FUZZ "Build fuzz targets with libFuzzer" OFF)

# The same flags for libraries and programs, so that they share one precompiled header.
add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wno-missing-designated-field-initializers -fno-omit-frame-pointer -fPIE -pthread)
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Xclang$<SEMICOLON>-fno-pch-timestamp>)
# No debug information: it takes a fifth of the time to build. The preset `dev` has line numbers.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -gline-tables-only")
add_link_options(-fuse-ld=mold -pie)
if(ACLOUD_SANITIZE)
  add_compile_options(-fsanitize=${ACLOUD_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ACLOUD_SANITIZE})
endif()
if(ACLOUD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
