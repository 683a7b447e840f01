// SPDX-License-Identifier: Apache-2.0
// Tensors: every encoding gives the same bytes, sizes are checked, data files cannot lead outside the model's folder.
#include "frontends/onnx/tensor.h"

#include "frontends/onnx/wire.h"
#include "models.h"

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

namespace tw::onnx::testing {
namespace {

namespace fs = std::filesystem;
using P = ::onnx::TensorProto;

// The tensor 'w' of a model that has only this initializer, filled in by `fill`.
template <class Fill>::onnx::ModelProto model_with(std::initializer_list<int64_t> dims, int element, Fill&& fill) {
  auto proto = relu_model();
  fill(add_initializer(proto, "w", dims, element));
  return proto;
}
template <class Fill> Tensor tensor_of(std::initializer_list<int64_t> dims, int element, Fill&& fill) {
  return read(model_with(dims, element, fill)).graph.initializers.at(0);
}

TEST(Tensors, RawAndTypedListsGiveTheSameNumbers) {
  auto raw = [](auto... values) {
    std::string bytes;
    (bytes.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
    return [bytes](P& t) { t.set_raw_data(bytes); };
  };
  EXPECT_THAT(int_values(tensor_of({3}, P::INT64, raw(int64_t{-1}, int64_t{2}, int64_t{3}))), ElementsAre(-1, 2, 3));
  EXPECT_THAT(int_values(tensor_of({2}, P::INT64, [](P& t) { t.add_int64_data(-1), t.add_int64_data(2); })), ElementsAre(-1, 2));
  EXPECT_THAT(float_values(tensor_of({2}, P::FLOAT, raw(1.5f, -2.0f))), ElementsAre(1.5, -2));
  EXPECT_THAT(float_values(tensor_of({2}, P::FLOAT, [](P& t) { t.add_float_data(1.5f), t.add_float_data(-2); })), ElementsAre(1.5, -2));
  EXPECT_THAT(float_values(tensor_of({1}, P::DOUBLE, [](P& t) { t.add_double_data(0.1); })), ElementsAre(0.1));
  EXPECT_THAT(int_values(tensor_of({1}, P::UINT32, [](P& t) { t.add_uint64_data(4000000000u); })), ElementsAre(4000000000));
  EXPECT_EQ(tensor_of({1}, P::UINT64, [](P& t) { t.add_uint64_data(~uint64_t{0}); }).bytes.size(), 8u);
}

TEST(Tensors, SmallTypesStandInTheListOfInt32) {
  for (auto [element, value, bytes] :
       {std::tuple{P::INT8, -5, 1}, {P::UINT8, 200, 1}, {P::INT16, -300, 2}, {P::UINT16, 60000, 2}, {P::INT32, -7, 4}, {P::BOOL, 1, 1}}) {
    Tensor tensor = tensor_of({2}, element, [&](P& t) { t.add_int32_data(value), t.add_int32_data(value); });
    EXPECT_THAT(int_values(tensor), ElementsAre(value, value)) << to_string(tensor.element);
    EXPECT_EQ(tensor.bytes.size(), 2u * static_cast<size_t>(bytes));
  }
  EXPECT_THAT(float_values(tensor_of({1}, P::FLOAT16, [](P& t) { t.add_int32_data(0x3e00); })), ElementsAre(1.5));
  EXPECT_THAT(float_values(tensor_of({1}, P::BFLOAT16, [](P& t) { t.add_int32_data(0x3fc0); })), ElementsAre(1.5));
}

TEST(Tensors, TypesBelowEightBitsArePackedAndTheirSizeIsRoundedUp) {
  Tensor tensor = tensor_of({3}, P::INT4, [](P& t) { t.add_int32_data(0x21), t.add_int32_data(0x03); });
  EXPECT_EQ(tensor.bytes.size(), 2u);
  EXPECT_EQ(static_cast<int>(tensor.bytes[0]), 0x21);
}

TEST(Tensors, AListEntryThatDoesNotFitItsTypeIsRefused) {
  EXPECT_THAT(user_mistake(model_with({1}, P::INT8, [](P& t) { t.add_int32_data(300); })),
              HasSubstr("int32_data holds 300, which does not fit into 8 bits"));
  EXPECT_THAT(user_mistake(model_with({1}, P::UINT32, [](P& t) { t.add_uint64_data(uint64_t{1} << 33); })),
              HasSubstr("does not fit into 32 bits"));
}

TEST(Tensors, BytesMustMatchTheShape) {
  EXPECT_THAT(user_mistake(model_with({2, 3}, P::FLOAT, [](P& t) { t.set_raw_data("12345678"); })),
              AllOf(HasSubstr("the tensor has 8 bytes, but float32[2, 3] needs 24"), HasSubstr("initializer 'w'")));
  EXPECT_THAT(user_mistake(model_with({2}, P::INT64, [](P&) {})), HasSubstr("has 0 bytes, but int64[2] needs 16"));
  EXPECT_EQ(tensor_of({0, 5}, P::FLOAT, [](P&) {}).bytes.size(), 0u);
  EXPECT_EQ(tensor_of({}, P::FLOAT, [](P& t) { t.add_float_data(1); }).element_count(), 1);
}

TEST(Tensors, ImpossibleShapesAreRefusedBeforeAnyMemoryIsTaken) {
  constexpr int64_t huge = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(user_mistake(model_with({-1}, P::FLOAT, [](P&) {})), HasSubstr("the shape [-1] is not possible"));
  EXPECT_THAT(user_mistake(model_with({huge, 2}, P::FLOAT, [](P&) {})), HasSubstr("the product overflows"));
  EXPECT_THAT(user_mistake(model_with({huge / 8}, P::DOUBLE, [](P&) {})), HasSubstr("the product overflows"));
  EXPECT_THAT(user_mistake(model_with({huge / 64}, P::FLOAT, [](P&) {})), HasSubstr("the tensor has 0 bytes"));
}

TEST(Tensors, TypesThatTheCompilerDoesNotHaveAreReadAndRefusedWhenUsed) {
  Tensor text = tensor_of({2}, P::STRING, [](P& t) { t.add_string_data("a"), t.add_string_data("b"); });
  Failure failure = failure_of([&] { text.dtype(); });
  EXPECT_EQ(failure.kind, ErrorKind::unsupported);
  EXPECT_THAT(failure.text, AllOf(HasSubstr("tensor 'w' has elements of string"), HasSubstr("supported are")));
  EXPECT_EQ(tensor_of({1}, P::COMPLEX64, [](P& t) { t.add_float_data(1), t.add_float_data(2); }).bytes.size(), 8u);
  EXPECT_EQ(tensor_of({1}, P::BFLOAT16, [](P& t) { t.set_raw_data("ab"); }).dtype(), bf16);
}

TEST(Tensors, ATypeMustBeGivenAndKnown) {
  EXPECT_THAT(user_mistake(model_with({1}, 0, [](P&) {})), HasSubstr("the tensor has no element type"));
  EXPECT_THAT(not_supported(model_with({1}, 77, [](P&) {})), HasSubstr("element type 77"));
}

TEST(Tensors, NumbersOfTheWrongKindAreNotConverted) {
  Tensor floats = tensor_of({1}, P::FLOAT, [](P& t) { t.add_float_data(1); });
  EXPECT_THAT(failure_of([&] { int_values(floats); }).text, HasSubstr("tensor 'w' has elements of float32, expected integers"));
  Tensor ints = tensor_of({1}, P::INT64, [](P& t) { t.add_int64_data(1); });
  EXPECT_THAT(failure_of([&] { float_values(ints); }).text, HasSubstr("tensor 'w' has elements of int64, expected floats"));
}

TEST(Tensors, SegmentsAndSparseTensorsAreUnsupported) {
  EXPECT_THAT(not_supported(model_with({1}, P::FLOAT, [](P& t) { t.mutable_segment()->set_end(4); })), HasSubstr("stored in segments"));
  auto proto = relu_model();
  proto.mutable_graph()->add_sparse_initializer()->mutable_values()->set_name("thin");
  EXPECT_THAT(not_supported(proto), HasSubstr("the initializer 'thin' is sparse"));
}

TEST(Wire, TheWeightsAreLeftOutWhereverTheyStand) {
  auto proto = relu_model();
  std::string weights(100000, 'w');
  add_initializer(proto, "w", {25000}).set_raw_data(weights);
  auto& node = *proto.mutable_graph()->mutable_node(0);
  auto& value = *add_attribute(node, "value", ::onnx::AttributeProto::TENSOR).mutable_t();
  value.set_data_type(P::FLOAT), value.add_dims(25000), value.set_raw_data(weights);
  auto& inner = *add_attribute(node, "body", ::onnx::AttributeProto::GRAPH).mutable_g()->add_initializer();
  inner.set_name("inner"), inner.set_data_type(P::FLOAT), inner.add_dims(25000), inner.set_raw_data(weights);
  std::string bytes = proto.SerializeAsString();
  std::string small = without_raw_data({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
  EXPECT_LT(small.size(), 500u);
  Model model = read(proto);
  EXPECT_EQ(model.graph.initializers[0].bytes.size(), weights.size());
  EXPECT_EQ(std::memcmp(std::get<Tensor>(model.graph.nodes[0].attributes[0].value).bytes.data(), weights.data(), weights.size()), 0);
  EXPECT_EQ(std::get<std::shared_ptr<Graph>>(model.graph.nodes[0].attributes[1].value)->initializers[0].bytes.size(), weights.size());
}

class ExternalDataTest : public ::testing::Test {
protected:
  void SetUp() override {
    fs::create_directories(folder / "models");
    write(folder / "models/weights.bin", std::string("....") + std::string("\0\0\x80\x3f\0\0\0\x40", 8));
    write(folder / "secret.bin", "12345678");
  }
  void TearDown() override { fs::remove_all(folder); }
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

  using Entries = std::vector<std::pair<std::string, std::string>>;
  Model read_with(const Entries& entries) {
    auto proto = relu_model();
    auto& tensor = add_initializer(proto, "w", {2});
    tensor.set_data_location(P::EXTERNAL);
    for (const auto& [key, value] : entries) {
      auto& entry = *tensor.add_external_data();
      entry.set_key(key), entry.set_value(value);
    }
    write(folder / "models/model.onnx", proto.SerializeAsString());
    return read_model((folder / "models/model.onnx").string());
  }
  std::string refusal(const Entries& entries) {
    Failure failure = failure_of([&] { read_with(entries); });
    EXPECT_EQ(failure.kind, ErrorKind::user) << failure.text;
    return failure.text;
  }
  fs::path folder = fs::temp_directory_path() / ("tensorwright_external_" + std::to_string(::getpid()));
};

TEST_F(ExternalDataTest, IsMappedFromItsPlaceInTheFile) {
  Model model = read_with({{"location", "weights.bin"}, {"offset", "4"}, {"length", "8"}});
  EXPECT_THAT(float_values(model.graph.initializers[0]), ElementsAre(1, 2));
  EXPECT_THAT(float_values(read_with({{"location", "./weights.bin"}, {"offset", "4"}}).graph.initializers[0]), ElementsAre(1, 2));
}

TEST_F(ExternalDataTest, MayNotLeaveTheFolderByNameOrLink) {
  fs::create_symlink("../secret.bin", folder / "models/link.bin");
  EXPECT_THAT(refusal({{"location", "../secret.bin"}}), AllOf(HasSubstr("contains '..'"), HasSubstr("initializer 'w'")));
  EXPECT_THAT(refusal({{"location", (folder / "secret.bin").string()}}), HasSubstr("is absolute"));
  EXPECT_THAT(refusal({{"location", "link.bin"}}), HasSubstr("leads outside through a link"));
}

TEST_F(ExternalDataTest, MayStandBesideTheFileThatALinkedModelLeadsTo) {
  read_with({{"location", "weights.bin"}, {"offset", "4"}});
  fs::create_directories(folder / "snapshot");
  fs::create_symlink("../models/model.onnx", folder / "snapshot/model.onnx");
  fs::create_symlink("../models/weights.bin", folder / "snapshot/weights.bin");
  EXPECT_THAT(float_values(read_model((folder / "snapshot/model.onnx").string()).graph.initializers[0]), ElementsAre(1, 2));
}

TEST_F(ExternalDataTest, MustBeThereAndLongEnough) {
  EXPECT_THAT(refusal({{"location", "gone.bin"}}), HasSubstr("No such file"));
  EXPECT_THAT(refusal({{"location", "weights.bin"}, {"offset", "8"}}), HasSubstr("has 12 bytes, but 8 bytes from offset 8 are wanted"));
  EXPECT_THAT(refusal({{"location", "weights.bin"}, {"offset", "9223372036854775807"}}), HasSubstr("from offset 9223372036854775807"));
  EXPECT_THAT(refusal({{"location", "weights.bin"}, {"length", "4"}}), HasSubstr("has a length of 4 bytes, but the shape needs 8"));
}

TEST_F(ExternalDataTest, NumbersAndLocationMustMakeSense) {
  EXPECT_THAT(refusal({}), HasSubstr("but no location of it"));
  EXPECT_THAT(refusal({{"location", "weights.bin"}, {"offset", "-4"}}), HasSubstr("offset is '-4', expected a number of bytes"));
  EXPECT_THAT(refusal({{"location", "weights.bin"}, {"length", "8x"}}), HasSubstr("length is '8x'"));
  EXPECT_THAT(refusal({{"location", "weights.bin"}, {"offset", "99999999999999999999"}}), HasSubstr("expected a number of bytes"));
}

TEST_F(ExternalDataTest, NeedsAModelWithAFolder) {
  auto proto = relu_model();
  auto& tensor = add_initializer(proto, "w", {2});
  tensor.set_data_location(P::EXTERNAL);
  auto& entry = *tensor.add_external_data();
  entry.set_key("location"), entry.set_value("weights.bin");
  EXPECT_THAT(user_mistake(proto), HasSubstr("given as bytes and has no folder"));
}

} // namespace
} // namespace tw::onnx::testing
