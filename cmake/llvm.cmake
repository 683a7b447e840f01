# LLVM 19 and LLD as imported targets: `tensorwright_llvm` (headers as system headers, the shared LLVM library) and `tensorwright_lld`.
# Only the layer codegen_llvm links them.
find_package(LLVM 19.1 CONFIG REQUIRED HINTS /usr/lib/llvm-19/lib/cmake/llvm)
find_package(LLD CONFIG REQUIRED HINTS ${LLVM_DIR}/../lld)
add_library(tensorwright_llvm INTERFACE)
target_include_directories(tensorwright_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
separate_arguments(definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
target_compile_definitions(tensorwright_llvm INTERFACE ${definitions})
target_link_libraries(tensorwright_llvm INTERFACE LLVM)
add_library(tensorwright_lld INTERFACE)
target_link_libraries(tensorwright_lld INTERFACE tensorwright_llvm lldELF lldCommon)
