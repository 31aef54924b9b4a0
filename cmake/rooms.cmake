# A room is a folder of src/: one static library segw_<name> from its *.cc, one test program
# <name>_test from its *_test.cc. DEPS are other rooms or imported targets, in link order.
function(segw_room name)
  cmake_parse_arguments(ROOM "" "" "DEPS;TEST_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(sources)
    add_library(segw_${name} STATIC ${sources})
    target_include_directories(segw_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
    target_link_libraries(segw_${name} PUBLIC ${ROOM_DEPS})
    segw_warnings(segw_${name})
    if(SEGW_COVERAGE AND name IN_LIST SEGW_COVERAGE_ROOMS)
      # Only these are compiled differently; whatever links them needs the counters' library.
      target_compile_options(segw_${name} PRIVATE --coverage -fprofile-abs-path)
      target_link_options(segw_${name} PUBLIC --coverage)
    endif()
    set(self segw_${name})
  else()
    add_library(segw_${name} INTERFACE)
    target_include_directories(segw_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
    target_link_libraries(segw_${name} INTERFACE ${ROOM_DEPS})
  endif()
  if(tests AND NOT SEGW_FUZZ)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE segw_${name} ${ROOM_TEST_DEPS} GTest::gmock GTest::gtest_main)
    segw_test(${name}_test)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST)
  endif()
endfunction()

function(segw_warnings target)
  # A designated initialiser names what differs from the default; the rest is meant to be left out.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum
    -Wnon-virtual-dtor -Wno-missing-field-initializers -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 reports these on correct code of the standard library and of fmt once optimised.
    target_compile_options(${target} PRIVATE -Wno-error=maybe-uninitialized -Wno-error=stringop-overflow
      -Wno-error=array-bounds -Wno-error=restrict -Wno-error=free-nonheap-object -Wno-error=dangling-pointer)
  endif()
endfunction()

# A test program's own code: checked by ASan and by what of UBSan costs little to compile, which is
# half of a sanitized build's time. The rooms that it tests keep every check.
function(segw_test target)
  segw_warnings(${target})
  target_compile_options(${target} PRIVATE ${SEGW_TEST_OPTIONS})
endfunction()

function(segw_app name)
  cmake_parse_arguments(APP "" "" "DEPS;SOURCES" ${ARGN})
  add_executable(${name} ${APP_SOURCES})
  target_link_libraries(${name} PRIVATE ${APP_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  segw_warnings(${name})
endfunction()
