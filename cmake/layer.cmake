# The root of the project, also when a part of it is built alone.
get_filename_component(TENSORWRIGHT_ROOT ${CMAKE_CURRENT_LIST_DIR}/.. ABSOLUTE)

# tensorwright_layer(NAME FOLDER dir LINKS … [PRECOMPILE header …] [EXCLUDE regex])
# One static library for each layer, made of every .cpp below its folder. Its tests are the files below tests/NAME.
function(tensorwright_layer name)
  cmake_parse_arguments(ARG "" "FOLDER;EXCLUDE" "LINKS;PRIVATE_LINKS;PRECOMPILE;SOURCES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${TENSORWRIGHT_ROOT}/${ARG_FOLDER}/*.cpp)
  if(ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${ARG_EXCLUDE})
  endif()
  add_library(${name} STATIC ${sources} ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${TENSORWRIGHT_ROOT}/src ${TENSORWRIGHT_ROOT}/abi)
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
  if(ARG_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE ${ARG_PRECOMPILE})
  endif()
  set_target_properties(${name} PROPERTIES OUTPUT_NAME tensorwright_${name})
  if(TENSORWRIGHT_TESTS)
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${TENSORWRIGHT_ROOT}/tests/${name}/*.cpp)
    if(tests)
      tensorwright_test(${name} SOURCES ${tests} LINKS ${name})
    endif()
  endif()
endfunction()

# tensorwright_test(NAME SOURCES … LINKS …): one GoogleTest program, one ctest entry.
function(tensorwright_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(test_${name} ${ARG_SOURCES})
  target_include_directories(test_${name} PRIVATE ${TENSORWRIGHT_ROOT}/tests)
  target_compile_definitions(test_${name} PRIVATE TENSORWRIGHT_SOURCE_DIR="${TENSORWRIGHT_ROOT}")
  target_link_libraries(test_${name} PRIVATE ${ARG_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND test_${name})
  # Every compilation checks the module after each pass; what was measured on this machine is no part of a test.
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "TENSORWRIGHT_VERIFY=1;TENSORWRIGHT_CALIBRATION=off")
endfunction()

# tensorwright_table(TARGET folder TYPE type NAMESPACE ns HEADER header [SUBFOLDERS] [NAMED] [SUFFIX text] [DECLARATIONS header]): one
# explicit, sorted table of the constants that the files of a folder define. File <name>.cpp defines `extern const <type> <name><suffix>;` in
# namespace <ns>; the table is `<ns>::table()`. SUBFOLDERS: only files in folders directly below count (the others hold what they share).
# NAMED: the table sets the member `name` of each constant. DECLARATIONS: a generated header of that name declares every constant.
function(tensorwright_table target)
  cmake_parse_arguments(ARG "SUBFOLDERS;NAMED" "FOLDER;TYPE;NAMESPACE;HEADER;SUFFIX;DECLARATIONS" "" ${ARGN})
  if(ARG_SUBFOLDERS)
    file(GLOB files CONFIGURE_DEPENDS ${TENSORWRIGHT_ROOT}/${ARG_FOLDER}/*/*.cpp)
  else()
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${TENSORWRIGHT_ROOT}/${ARG_FOLDER}/*.cpp)
  endif()
  set(names "")
  foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    list(APPEND names ${name})
  endforeach()
  list(SORT names)
  set(declarations "")
  set(entries "")
  set(naming "")
  foreach(name ${names})
    string(APPEND declarations "extern const ${ARG_TYPE} ${name}${ARG_SUFFIX};\n")
    string(APPEND entries "&${name}${ARG_SUFFIX}, ")
    if(ARG_NAMED)
      string(APPEND naming "    ${name}${ARG_SUFFIX}.name = \"${name}\";\n")
    endif()
  endforeach()
  if(ARG_NAMED)
    set(naming "  static const bool named = [] {\n${naming}    return true;\n  }();\n  static_cast<void>(named);\n")
  endif()
  if(ARG_DECLARATIONS)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/include/${ARG_DECLARATIONS} CONTENT
"// Generated from the files of ${ARG_FOLDER}; do not edit.
#pragma once
#include \"${ARG_HEADER}\"
namespace ${ARG_NAMESPACE} {
${declarations}} // namespace ${ARG_NAMESPACE}
" @ONLY)
    target_include_directories(${target} PUBLIC ${CMAKE_BINARY_DIR}/generated/include)
  endif()
  set(output ${CMAKE_BINARY_DIR}/generated/${target}_${ARG_TYPE}_table.cpp)
  file(CONFIGURE OUTPUT ${output} CONTENT
"// Generated from the files of ${ARG_FOLDER}; do not edit.
#include \"${ARG_HEADER}\"
#include <span>
namespace ${ARG_NAMESPACE} {
${declarations}
std::span<const ${ARG_TYPE}* const> table() {
${naming}  static const ${ARG_TYPE}* const entries[] = {${entries}};
  return entries;
}
} // namespace ${ARG_NAMESPACE}
" @ONLY)
  target_sources(${target} PRIVATE ${output})
endfunction()
