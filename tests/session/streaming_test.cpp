// Results that are stored past the caches are the same wherever the caller's memory begins.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

struct Row {
  const char* name;
  const char* text;
};

const Row rows[] = {
    {"rows_of_lanes", R"({ lambda ; a:f32[531,16]. let
        b:f32[531,16] c:f32[1000,531,16] = scan[
          jaxpr={ lambda ; a:f32[531,16]. let
              b:f32[531,16] = mul a 0.99:f32[]
              d:f32[531,16] = mul a a
              e:f32[531,16] = mul d 0.01:f32[]
              f:f32[531,16] = sin e
              c:f32[531,16] = add b f
            in (c, c) }
          length=1000
          num_carry=1
          num_consts=0
          reverse=False
          unroll=1
        ] a
        d:f32[531,1000,16] = transpose[permutation=(1, 0, 2)] c
      in (b, d) })"},
    {"steps", R"({ lambda ; a:f32[1024]. let
        b:f32[1024] c:f32[8192,1024] = scan[
          jaxpr={ lambda ; a:f32[1024]. let
              b:f32[1024] = mul a 0.99:f32[]
              c:f32[1024] = add b 0.5:f32[]
            in (c, c) }
          length=8192
          num_carry=1
          num_consts=0
          reverse=False
          unroll=1
        ] a
      in (b, c) })"},
    {"map", "{ lambda ; a:f32[4194307]. let b:f32[4194307] = mul a a in (b,) }"},
};

class Streaming : public testing::TestWithParam<Row> {};

TEST_P(Streaming, HeedsAlignment) {
  const Executable executable = compile(Program::parse(GetParam().text));
  EXPECT_NE(executable.dump(Stage::plan).find(", streamed"), std::string::npos);
  std::vector<float> input(byte_count(executable.inputs()[0]) / sizeof(float));
  for (std::size_t k = 0; k < input.size(); ++k) input[k] = static_cast<float>(k % 1001) / 1000;
  const void* inputs[] = {input.data()};
  std::vector<std::vector<float>> first;
  for (const std::size_t begin : {0, 1, 16}) {
    std::vector<std::vector<float>> memory;
    std::vector<void*> outputs;
    for (const Type& type : executable.outputs()) {
      memory.emplace_back(byte_count(type) / sizeof(float) + 32);
      void* start = memory.back().data();
      std::size_t space = memory.back().size() * sizeof(float);
      outputs.push_back(static_cast<float*>(std::align(64, 64, start, space)) + begin);
    }
    executable.run_into(inputs, outputs);
    std::vector<std::vector<float>> results;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const auto* values = static_cast<const float*>(outputs[k]);
      results.emplace_back(values, values + byte_count(executable.outputs()[k]) / sizeof(float));
    }
    if (first.empty()) first = results;
    for (std::size_t k = 0; k < results.size(); ++k)
      EXPECT_EQ(std::memcmp(results[k].data(), first[k].data(), results[k].size() * sizeof(float)), 0)
          << "from element " << begin << " on";
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, Streaming, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace jaxc
