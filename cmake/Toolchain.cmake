# Compiler flags, sanitizers and the layer helper.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror
  -fstack-protector-strong -fstack-clash-protection -fcf-protection -fno-plt)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Boost.Outcome's storage makes g++ 12 report false positives here.
  add_compile_options(-Wno-maybe-uninitialized -Wno-dangling-pointer)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-Wl,-z,relro,-z,now -Wl,-z,noexecstack)
if(CLAVIGER_SANITIZE STREQUAL "asan")
  # The vptr check opens a pipe to test an address, and reports an error where descriptors have run out, which
  # is what some tests do.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=address,undefined)
elseif(CLAVIGER_SANITIZE STREQUAL "tsan")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=thread)
elseif(CLAVIGER_SANITIZE STREQUAL "")
  add_compile_definitions(_FORTIFY_SOURCE=2)
  add_link_options(-pie)
else()
  message(FATAL_ERROR "CLAVIGER_SANITIZE must be empty, asan or tsan")
endif()
if(CLAVIGER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined)
  add_link_options(-fsanitize=address,undefined)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

# claviger_layer(name DEPENDS targets...): a static library of every .cc under the folder.
function(claviger_layer name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cc)
  if(NOT sources)
    file(WRITE ${CMAKE_BINARY_DIR}/generated/empty.cc "")
    set(sources ${CMAKE_BINARY_DIR}/generated/empty.cc)
  endif()
  add_library(claviger_${name} STATIC ${sources})
  target_include_directories(claviger_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(claviger_${name} PUBLIC ${ARG_DEPENDS})
endfunction()

# claviger_test(name sources... LIBS targets...): a doctest binary registered with CTest.
function(claviger_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LIBS;ENV" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS} ${CMAKE_SOURCE_DIR}/tests/main.cc)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} doctest::doctest)
  target_compile_definitions(${name} PRIVATE CLAVIGER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(CLAVIGER_SANITIZE)
    math(EXPR ARG_TIMEOUT "4 * ${ARG_TIMEOUT}")  # instrumented code is slow
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${ARG_ENV}")
endfunction()
