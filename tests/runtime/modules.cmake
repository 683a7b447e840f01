# The runtime's tests and the modules they load: fake_module.c as it should be, and with one fault each.
function(tensorwright_fake_module name)
  add_library(${name} MODULE ${TENSORWRIGHT_ROOT}/tests/runtime/fake_module.c)
  target_include_directories(${name} PRIVATE ${TENSORWRIGHT_ROOT}/abi)
  target_compile_definitions(${name} PRIVATE ${ARGN})
  target_compile_options(${name} PRIVATE -fvisibility=hidden)
  add_dependencies(test_runtime ${name})
  target_compile_definitions(test_runtime PRIVATE "${name}_path=\"$<TARGET_FILE:${name}>\"")
endfunction()

file(GLOB runtime_tests CONFIGURE_DEPENDS ${TENSORWRIGHT_ROOT}/tests/runtime/*.cpp)
tensorwright_test(runtime SOURCES ${runtime_tests} LINKS tensorwright_runtime_static)
add_dependencies(test_runtime tensorwright_runtime)
target_compile_definitions(test_runtime PRIVATE
  "runtime_library_path=\"$<TARGET_FILE:tensorwright_runtime>\"" "c_compiler_path=\"${CMAKE_C_COMPILER}\"")
tensorwright_fake_module(fake_module)
tensorwright_fake_module(fake_module_without_symbol FAKE_WITHOUT_SYMBOL)
tensorwright_fake_module(fake_module_of_version_99 FAKE_VERSION=99)
tensorwright_fake_module(fake_module_too_small FAKE_SIZE=16)
