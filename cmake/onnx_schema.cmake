# The ONNX schema: the onnx Python package's own onnx-ml.proto, compiled by protoc at build time into the target `onnx_schema`.
# TENSORWRIGHT_ONNX_PROTO names another copy of the file; else the package is asked for through Python_EXECUTABLE, the project's .venv, or
# the system's Python, in this order.
find_package(Protobuf REQUIRED)

set(TENSORWRIGHT_ONNX_PROTO "" CACHE FILEPATH "onnx-ml.proto; empty: that of the onnx Python package")
if(NOT TENSORWRIGHT_ONNX_PROTO OR NOT EXISTS ${TENSORWRIGHT_ONNX_PROTO})
  find_program(onnx_python NAMES python3 python HINTS ${CMAKE_SOURCE_DIR}/.venv/bin NO_CACHE)
  foreach(candidate ${Python_EXECUTABLE} ${onnx_python})
    execute_process(
      COMMAND ${candidate} -c "import importlib.util as u; print(u.find_spec('onnx').submodule_search_locations[0])"
      OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(folder AND EXISTS ${folder}/onnx-ml.proto)
      set(TENSORWRIGHT_ONNX_PROTO ${folder}/onnx-ml.proto CACHE FILEPATH "" FORCE)
      break()
    endif()
  endforeach()
endif()
if(NOT TENSORWRIGHT_ONNX_PROTO OR NOT EXISTS ${TENSORWRIGHT_ONNX_PROTO})
  message(FATAL_ERROR "onnx-ml.proto was not found: install the onnx Python package (./dev setup does), "
                      "or name the file with -DTENSORWRIGHT_ONNX_PROTO=…/onnx-ml.proto")
endif()
message(STATUS "ONNX schema: ${TENSORWRIGHT_ONNX_PROTO}")

get_filename_component(folder ${TENSORWRIGHT_ONNX_PROTO} DIRECTORY)
set(generated ${CMAKE_BINARY_DIR}/generated/onnx_schema)
file(MAKE_DIRECTORY ${generated})
add_custom_command(
  OUTPUT ${generated}/onnx-ml.pb.h ${generated}/onnx-ml.pb.cc
  COMMAND protobuf::protoc --cpp_out=${generated} -I ${folder} ${TENSORWRIGHT_ONNX_PROTO}
  DEPENDS ${TENSORWRIGHT_ONNX_PROTO}
  VERBATIM)
add_library(onnx_schema STATIC ${generated}/onnx-ml.pb.cc ${generated}/onnx-ml.pb.h)
# SYSTEM: the generated code is not ours to keep free of warnings.
target_include_directories(onnx_schema SYSTEM PUBLIC ${generated})
target_link_libraries(onnx_schema PUBLIC protobuf::libprotobuf)
target_compile_options(onnx_schema PRIVATE -w)
