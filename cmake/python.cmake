# The extension modules of the Python package, in TENSORWRIGHT_PYTHON_OUTPUT (where the package is used as it stands) and in the install
# component `python` (for wheels). Type stubs are made from the built modules.
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir OUTPUT_VARIABLE nanobind_folder OUTPUT_STRIP_TRAILING_WHITESPACE
                RESULT_VARIABLE nanobind_missing)
if(nanobind_missing)
  message(FATAL_ERROR "the Python package nanobind was not found for ${Python_EXECUTABLE}: run ./dev setup, or configure with "
                      "-DPython_EXECUTABLE=<a Python that has it>, or without the bindings (-DTENSORWRIGHT_PYTHON=OFF)")
endif()
find_package(nanobind CONFIG REQUIRED HINTS ${nanobind_folder})
# pip builds with packages that only its own PYTHONPATH leads to; the stubs' PYTHONPATH must lead there too.
cmake_path(SET nanobind_parent NORMALIZE "${nanobind_folder}/../..")
set(TENSORWRIGHT_PYTHON_OUTPUT ${TENSORWRIGHT_ROOT}/python/tensorwright CACHE PATH "where the extension modules are built")

# The runtime of the package: a copy that stands beside the modules.
add_custom_command(OUTPUT ${TENSORWRIGHT_PYTHON_OUTPUT}/libtensorwright_runtime.so
  COMMAND ${CMAKE_COMMAND} -E copy_if_different $<TARGET_FILE:tensorwright_runtime> ${TENSORWRIGHT_PYTHON_OUTPUT}/libtensorwright_runtime.so
  DEPENDS tensorwright_runtime VERBATIM)
add_custom_target(python_runtime_copy ALL DEPENDS ${TENSORWRIGHT_PYTHON_OUTPUT}/libtensorwright_runtime.so)

# tensorwright_extension(name SOURCES … LINKS …)
function(tensorwright_extension name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  nanobind_add_module(${name} NB_STATIC NB_DOMAIN tensorwright NB_SUPPRESS_WARNINGS ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${TENSORWRIGHT_ROOT}/src ${TENSORWRIGHT_ROOT}/abi)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  target_compile_options(${name} PRIVATE -Os)
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${TENSORWRIGHT_PYTHON_OUTPUT}
                                           BUILD_RPATH "$ORIGIN" BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")
  add_dependencies(${name} python_runtime_copy)
  set(stub ${TENSORWRIGHT_PYTHON_OUTPUT}/${name}.pyi)
  add_custom_command(OUTPUT ${stub} DEPENDS ${name}
    COMMAND ${CMAKE_COMMAND} -E env "PYTHONPATH=${TENSORWRIGHT_PYTHON_OUTPUT}/..:${nanobind_parent}" ${Python_EXECUTABLE} -m nanobind.stubgen
            -q -m tensorwright.${name} -o ${stub} VERBATIM)
  add_custom_target(${name}_stub ALL DEPENDS ${stub})
  install(TARGETS ${name} LIBRARY DESTINATION tensorwright COMPONENT python)
  install(FILES ${stub} DESTINATION tensorwright COMPONENT python)
endfunction()

file(GLOB runtime_binding_sources CONFIGURE_DEPENDS ${TENSORWRIGHT_ROOT}/src/bindings/runtime/*.cpp)
tensorwright_extension(_runtime SOURCES ${runtime_binding_sources} ${TENSORWRIGHT_ROOT}/src/bindings/errors.cpp LINKS tensorwright_runtime)
install(TARGETS tensorwright_runtime LIBRARY DESTINATION tensorwright COMPONENT python)

file(GLOB core_binding_sources CONFIGURE_DEPENDS ${TENSORWRIGHT_ROOT}/src/bindings/core/*.cpp)
if(NOT TENSORWRIGHT_COMPILER_READY)
  list(FILTER core_binding_sources EXCLUDE REGEX "/core/compile.cpp$")
endif()
tensorwright_extension(_core SOURCES ${core_binding_sources} ${TENSORWRIGHT_ROOT}/src/bindings/errors.cpp
                       LINKS interpreter passes schedule frontend_onnx $<$<BOOL:${TENSORWRIGHT_COMPILER_READY}>:compile>)
target_compile_definitions(_core PRIVATE $<$<BOOL:${TENSORWRIGHT_COMPILER_READY}>:TENSORWRIGHT_COMPILER_READY>)
