# LLVM 19 and LLD as imported targets: `tensorwright_llvm` (headers as system headers, the libraries) and `tensorwright_lld`.
# Only the layer codegen_llvm links them. The static archives hold what is used and nothing else: the shared LLVM library with what it needs
# itself takes 50 MiB of each process's memory and slows down its start.
find_package(LLVM 19.1 CONFIG REQUIRED HINTS /usr/lib/llvm-19/lib/cmake/llvm)
find_package(LLD CONFIG REQUIRED HINTS ${LLVM_DIR}/../lld)
option(TENSORWRIGHT_SHARED_LLVM "link the shared LLVM library, if there are no static archives" OFF)
add_library(tensorwright_llvm INTERFACE)
target_include_directories(tensorwright_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
separate_arguments(definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
target_compile_definitions(tensorwright_llvm INTERFACE ${definitions})
add_library(tensorwright_lld INTERFACE)
if(TENSORWRIGHT_SHARED_LLVM OR NOT TARGET LLVMX86CodeGen)
  target_link_libraries(tensorwright_llvm INTERFACE LLVM)
  target_link_libraries(tensorwright_lld INTERFACE tensorwright_llvm lldELF lldCommon)
else()
  # What LLD would want besides: src/codegen/llvm/parts_left_out.cpp stands in for it.
  set_target_properties(LLVMExtensions PROPERTIES INTERFACE_LINK_LIBRARIES "")
  llvm_map_components_to_libnames(components x86codegen x86asmparser x86disassembler x86desc x86info passes orcjit jitlink orcdebugging)
  target_compile_definitions(tensorwright_llvm INTERFACE TENSORWRIGHT_STATIC_LLVM)
  target_link_options(tensorwright_llvm INTERFACE LINKER:--as-needed LINKER:--gc-sections LINKER:--exclude-libs,ALL)
  target_link_libraries(tensorwright_llvm INTERFACE ${components})
  # LLD's own targets name the shared library; its archives and what they use of LLVM do not.
  get_target_property(elf lldELF LOCATION)
  get_target_property(common lldCommon LOCATION)
  llvm_map_components_to_libnames(components lto libdriver option debuginfodwarf demangle objcopy)
  target_link_libraries(tensorwright_lld INTERFACE ${elf} ${common} tensorwright_llvm ${components})
endif()
