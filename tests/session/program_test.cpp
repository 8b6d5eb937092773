// Programs and executables through the public API, and the messages of their errors.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

constexpr std::string_view doubled = "{ lambda ; a:f32[3]. let b:f32[3] = mul a 2.0:f32[] in (b,) }";
constexpr std::string_view with_constant = "{ lambda a:f32[3] ; b:f32[3]. let c:f32[3] = add a b in (c,) }";
constexpr std::string_view summed =
    "{ lambda ; a:f32[5]. let b:f32[] c:f32[5] = scan[jaxpr={ lambda ; d:f32[] e:f32[]. let f:f32[] = add d e in "
    "(f, f) } length=5 linear=(False, False) num_carry=1 num_consts=0 reverse=False unroll=1] 0.0:f32[] a in (b, c) }";

std::string conformance(std::string_view name) {
  return std::string(JAXC_TEST_DATA) + "/conformance/" + std::string(name);
}

template <typename Function>
std::string message(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

class EveryBackend : public testing::TestWithParam<Backend> {};

TEST_P(EveryBackend, RunsArrays) {
  const Executable executable = compile(Program::parse(doubled), {.backend = GetParam()});
  const std::vector<Array> results = executable.run(std::vector{Array::of<float>({3}, {1, 2, 3})});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(std::vector<float>(results[0].values<float>().begin(), results[0].values<float>().end()),
            (std::vector<float>{2, 4, 6}));
}

TEST_P(EveryBackend, RunsOnPlainMemory) {
  const Executable executable = compile(Program::parse(summed), {.backend = GetParam()});
  const float in[5] = {1, 2, 3, 4, 5};
  float last = 0;
  float sums[5] = {};
  executable.run_into(std::vector<const void*>{in}, std::vector<void*>{&last, sums});
  EXPECT_EQ(last, 15);
  EXPECT_EQ(sums[2], 6);
}

TEST_P(EveryBackend, BindsConstants) {
  const Program program = Program::parse(with_constant);
  EXPECT_EQ(message([&] { compile(program, {.backend = GetParam()}); }),
            "<text>: the program has 1 constant whose values are not given; load its .safetensors file "
            "(Program::with_data) or give them (Program::with_constants)");
  const Program bound = program.with_constants({Array::of<float>({3}, {10, 20, 30})});
  const auto results = compile(bound, {.backend = GetParam()}).run(std::vector{Array::of<float>({3}, {1, 2, 3})});
  EXPECT_EQ(results[0].values<float>()[2], 33);
}

TEST_P(EveryBackend, RunsWhatALibraryWould) {
  const Program program = Program::parse(
      "{ lambda ; a:f32[100]. let b:f32[100] = sort[dimension=0 is_stable=True num_keys=1] a; c:f32[100] = "
      "cumsum[axis=0 "
      "reverse=False] b in (b, c) }");
  std::vector<float> descending(100);
  for (int k = 0; k < 100; ++k) descending[static_cast<std::size_t>(k)] = static_cast<float>(100 - k);
  const auto results = compile(program, {.backend = GetParam()}).run(std::vector{Array::of<float>({100}, descending)});
  EXPECT_EQ(results[0].values<float>()[0], 1);
  EXPECT_EQ(results[0].values<float>()[99], 100);
  EXPECT_EQ(results[1].values<float>()[99], 5050);
}

INSTANTIATE_TEST_SUITE_P(Backends, EveryBackend, testing::Values(Backend::cpu, Backend::reference, Backend::evaluator),
                         [](const auto& parameter) { return std::string(name(parameter.param)); });

TEST(Program, TellsItsTypes) {
  const Program program = Program::load(conformance("prog_dlm_backward.jaxpr"));
  ASSERT_EQ(program.inputs().size(), 5U);
  EXPECT_EQ(to_string(program.inputs()[0]), "f32[40,2,2]");
  EXPECT_EQ(to_string(program.outputs()[3]), "f32[40,2,2]");
  EXPECT_EQ(Program::parse(program.text()).text(), program.text());
}

TEST(Program, RefusesWhatCannotRun) {
  struct Row {
    std::string text;
    std::string part;
  };
  const std::vector<Row> rows = {
      {"{ lambda ; a:f32[3]. let b:f32[3] = mul a c in (b,) }", "<text>:1:"},
      {"{ lambda ; a:f32[3]. let b:f32[4] = mul a a in (b,) }", "f32[4]"},
      {"{ lambda ; a:f32[-3]. let  in (a,) }", "-3"},
      {"{ lambda ; a:f32[4611686018427387904]. let  in (a,) }", "4611686018427387904"},
      {"{ lambda ; a:f32[3]. let b:f32[3] = psum[axes=('i',)] a in (b,) }", "psum"},
      {"", "<text>:1:1"},
  };
  for (const Row& row : rows)
    EXPECT_NE(message([&] { Program::parse(row.text); }).find(row.part), std::string::npos)
        << row.text << "\n"
        << message([&] { Program::parse(row.text); });
}

TEST(Program, NamesConstantsWithoutValues) {
  constexpr std::string_view several =
      "{ lambda a:f32[3] b:i32[] c:f32[2] d:f32[1] e:f32[3] ; f:f32[3]. let g:f32[3] = add a f in (g,) }";
  Safetensors data;
  EXPECT_EQ(message([&] { Program::parse(with_constant, "plain.jaxpr").with_data(data); }),
            "plain.jaxpr: every constant needs a value, and JAX prints none, got none for const0:f32[3]; put it in the "
            "data file, or write both files with jaxc.export");
  EXPECT_NE(message([&] {
              Program::parse(several).with_data(data);
            }).find("got none for const0:f32[3], const1:i32[], const2:f32[2], const3:f32[1], ... (5 in all); put them"),
            std::string::npos);
  data.arrays.emplace("const0", Array::of<float>({3}, {1, 2, 3}));
  EXPECT_EQ(message([&] { Program::parse(with_constant).with_data(data); }), "no error");
  EXPECT_NE(message([&] { Program::parse(several).with_data(data); }).find("none for const1:i32[], const2"),
            std::string::npos);
  EXPECT_EQ(message([&] { Program::parse(with_constant).with_constants({}); }),
            "<text>: the program has 1 constant, got 0");
}

TEST(Program, NamesAbsentFiles) {
  EXPECT_EQ(message([] { Program::load("absent.jaxpr"); }), "absent.jaxpr: cannot be opened for reading");
  EXPECT_EQ(message([] { Program::load(JAXC_TEST_DATA); }),
            std::string(JAXC_TEST_DATA) + ": is a folder, not a .jaxpr file");
}

TEST(Executable, ChecksInputs) {
  const Executable executable = compile(Program::parse(doubled));
  EXPECT_EQ(message([&] { executable.run({}); }), "run: the program takes 1 input, got 0");
  EXPECT_EQ(message([&] { executable.run(std::vector{Array::of<float>({2}, {1, 2})}); }),
            "run: input 0 has type f32[3], got f32[2]");
  EXPECT_EQ(message([&] { executable.run(std::vector{Array::of<double>({3}, {1, 2, 3})}); }),
            "run: input 0 has type f32[3], got f64[3]");
}

TEST(Executable, ReportsAndRequiresPaths) {
  const Executable executable = compile(Program::parse(summed));
  ASSERT_EQ(executable.loops().size(), 1U);
  EXPECT_EQ(executable.loops()[0].primitive, "scan");
  EXPECT_EQ(executable.loops()[0].path, "fused");
  EXPECT_EQ(executable.loops()[0].line, 1U);
  EXPECT_NO_THROW(compile(Program::parse(summed), {.require_path = "fused"}));
  EXPECT_NE(
      message([] { compile(Program::parse(summed), {.require_path = "registers"}); }).find("registers is required"),
      std::string::npos);
}

TEST(Executable, DumpsItsForms) {
  const Executable executable = compile(Program::parse(summed));
  for (const Stage stage : {Stage::jaxpr, Stage::simplified, Stage::program, Stage::plan, Stage::llvm, Stage::assembly})
    EXPECT_FALSE(executable.dump(stage).empty()) << name(stage);
  EXPECT_EQ(message([&] { executable.dump(Stage::spirv); }),
            "dump: the backend cpu makes no spirv; choose another backend or stage");
}

TEST(Executable, RunsFromManyThreads) {
  const Executable executable = compile(Program::load(conformance("scan_lu_body.jaxpr")));
  const Safetensors data = Safetensors::load(conformance("scan_lu_body.safetensors"));
  const std::vector<Array> inputs = {data.arrays.at("in0"), data.arrays.at("in1"), data.arrays.at("in2")};
  const std::vector<Array> want = executable.run(inputs);
  std::vector<std::thread> threads;
  std::vector<int> same(4, 0);
  for (std::size_t thread = 0; thread < same.size(); ++thread)
    threads.emplace_back([&, thread] {
      for (int repeat = 0; repeat < 50; ++repeat) {
        const std::vector<Array> got = executable.run(inputs);
        same[thread] += std::ranges::equal(got[1].bytes(), want[1].bytes()) ? 1 : 0;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(same, std::vector<int>(4, 50));
}

// 2^34 vectors and 2^38 steps are counted, never listed.
TEST(Executable, CompilesAxesOfAnyExtent) {
  constexpr std::string_view huge =
      "{ lambda ; a:f32[274877906944]. let b:f32[] = reduce_sum[axes=(0,)] a c:f32[274877906944] = mul a b in (c,) }";
  EXPECT_EQ(compile(Program::parse(huge)).outputs()[0].shape, Shape{274877906944});
}

TEST(Names, RoundTrip) {
  for (const Backend backend : {Backend::cpu, Backend::gpu, Backend::reference, Backend::evaluator})
    EXPECT_EQ(backend_from_name(name(backend)), backend);
  EXPECT_EQ(message([] { backend_from_name("tpu"); }), "backend: \"tpu\" is none of cpu, gpu, reference, eval");
  EXPECT_EQ(message([] { stage_from_name("hlo"); }),
            "stage: \"hlo\" is none of jaxpr, simplified, program, plan, llvm, asm, spirv");
}

}  // namespace
}  // namespace jaxc
