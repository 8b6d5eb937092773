// Threads: results that do not depend on their number, bit by bit, and executables that many threads call at once.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

struct Row {
  const char* name;
  const char* text;
  const char* split;  ///< what the plan says
};

// Large enough to be split, with lengths that leave shorter last parts.
const Row rows[] = {
    {"map", "{ lambda ; a:f32[600001]. let b:f32[600001] = sin a c:f32[600001] = mul b a in (c,) }", " split by "},
    {"map_of_rows", R"({ lambda ; a:f32[301,1003] b:f32[1003]. let
        c:f32[301,1003] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(301, 1003) sharding=None] b
        d:f32[301,1003] = add a c
        e:f32[301,1003] = exp d in (e,) })",
     " split by "},
    {"product", R"({ lambda ; a:f32[193,257] b:f32[257,211]. let
        c:f32[193,211] = dot_general[dimension_numbers=(([1], [0]), ([], [])) preferred_element_type=float32] a b
        in (c,) })",
     " split by "},
    {"large_product", R"({ lambda ; a:f32[401,300] b:f32[300,311]. let
        c:f32[401,311] = dot_general[dimension_numbers=(([1], [0]), ([], [])) preferred_element_type=float32] a b
        in (c,) })",
     "nest library"},
    {"reflections", "{ lambda ; a:f32[190,170]. let b:f32[190,170] c:f32[170] = geqrf a in (b, c) }",
     "routine geqrf library"},
    {"sums_of_rows", "{ lambda ; a:f32[4099,517]. let b:f32[4099] = reduce_sum[axes=(1,)] a in (b,) }", " split by "},
    {"softmax", R"({ lambda ; a:f32[1201,515]. let
        b:f32[1201] = reduce_max[axes=(1,)] a
        c:f32[1201,515] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(1201, 515) sharding=None] b
        d:f32[1201,515] = sub a c
        e:f32[1201,515] = exp d
        f:f32[1201] = reduce_sum[axes=(1,)] e
        g:f32[1201,515] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(1201, 515) sharding=None] f
        h:f32[1201,515] = div e g in (h,) })",
     ""},
    {"lanes_of_a_scan", R"({ lambda ; a:f32[1005] b:f32[130,1005]. let
        c:f32[1005] d:f32[130,1005] = scan[
          jaxpr={ lambda ; a:f32[1005] b:f32[1005]. let
              c:f32[1005] = sin a
              d:f32[1005] = exp c
              e:f32[1005] = mul d b
              f:f32[1005] = tanh e
            in (f, f) }
          length=130
          num_carry=1
          num_consts=0
          reverse=False
          unroll=1
        ] a b
      in (c, d) })",
     "in threads by"},
    // In steps, whose arrays are slices, carries on the stack, and carries whose buffers trade places.
    {"products_in_steps", R"({ lambda ; a:f32[1027,603] b:f32[603,1027] c:f32[9,1027]. let
        d:f32[1027] = broadcast_in_dim[broadcast_dimensions=() shape=(1027,) sharding=None] 0.5:f32[]
        e:f32[1027] f:f32[9,1027] = scan[
          jaxpr={ lambda ; a:f32[1027,603] b:f32[603,1027] c:f32[1027] d:f32[1027]. let
              e:f32[603] = dot_general[dimension_numbers=(([0], [0]), ([], [])) preferred_element_type=float32] c a
              m:f32[603] = mul e 0.03:f32[]
              f:f32[603] = sin m
              g:f32[1027] = dot_general[dimension_numbers=(([0], [0]), ([], [])) preferred_element_type=float32] f b
              n:f32[1027] = mul g 0.03:f32[]
              h:f32[1027] = add n d
              i:f32[1027] = tanh h
            in (i, h) }
          length=9
          num_carry=1
          num_consts=2
          reverse=True
          unroll=1
        ] a b d c
      in (e, f) })",
     "; 0 split by "},
    {"rows_in_steps", R"({ lambda ; a:f32[129,203] b:f32[6,129,203]. let
        c:f32[129,203] d:f32[6,203] = scan[
          jaxpr={ lambda ; a:f32[129,203] b:f32[129,203]. let
              c:f32[129,129] = dot_general[dimension_numbers=(([1], [1]), ([], [])) preferred_element_type=float32] a b
              d:f32[129,203] = dot_general[dimension_numbers=(([1], [0]), ([], [])) preferred_element_type=float32] c a
              g:f32[129,203] = mul d 0.02:f32[]
              e:f32[129,203] = tanh g
              f:f32[203] = reduce_sum[axes=(0,)] e
            in (e, f) }
          length=6
          num_carry=1
          num_consts=0
          reverse=False
          unroll=1
        ] a b
      in (c, d) })",
     "; 0 split by "},
    {"scalars_in_steps", R"({ lambda ; a:f32[100003]. let
        b:f32[100003] c:f32[5] = scan[
          jaxpr={ lambda ; a:f32[100003]. let
              b:f32[] = reduce_max[axes=(0,)] a
              c:f32[] = mul b 0.5:f32[]
              d:f32[100003] = add a c
              e:f32[100003] = tanh d
            in (e, c) }
          length=5
          num_carry=1
          num_consts=0
          reverse=False
          unroll=1
        ] a
      in (b, c) })",
     "; 0 split by "},
    {"steps_of_a_while", R"({ lambda ; a:f32[1501,203]. let
        b:i32[] c:f32[1501,203] = while[
          body_jaxpr={ lambda ; a:i32[] b:f32[1501,203]. let
              c:i32[] = add a 1:i32[]
              d:f32[1501,203] = sin b
              e:f32[1501,203] = mul d 0.9:f32[]
              f:f32[1501,203] = rev[dimensions=(0, 1)] e
              g:f32[1501,203] = tanh f
            in (c, g) }
          body_nconsts=0
          cond_jaxpr={ lambda ; a:i32[] b:f32[1501,203]. let
              c:bool[] = lt a 5:i32[] in (c,) }
          cond_nconsts=0
        ] 0:i32[] a
      in (b, c) })",
     " split by "},
    {"sum", "{ lambda ; a:f32[4000037]. let b:f32[] = reduce_sum[axes=(0,)] a in (b,) }", " split by "},
    {"greatest_of_columns", "{ lambda ; a:f32[300007,5]. let b:f32[5] = reduce_max[axes=(0,)] a in (b,) }",
     " split by "},
    {"prefixes", "{ lambda ; a:f32[300007]. let b:f32[300007] = cummax[axis=0 reverse=False] a in (b,) }",
     "routine cummax prefix"},
    {"prefixes_of_lines",
     "{ lambda ; a:f32[19,20011]. let b:f32[19,20011] = cumlogsumexp[axis=1 reverse=True] a in (b,) }",
     "routine cumlogsumexp prefix"},
    {"prefixes_of_maps", R"({ lambda ; a:f32[70001] b:f32[70001]. let
        c:f32[70001] d:f32[70001] = associative_scan[
          axis=0
          jaxpr={ lambda ; a:f32[1] b:f32[1] c:f32[1] d:f32[1]. let
              e:f32[1] = mul c a
              f:f32[1] = mul c b
              g:f32[1] = add f d
            in (e, g) }
          num_consts=0
          reverse=True
        ] a b
      in (c, d) })",
     "routine associative_scan prefix"},
    {"lines_to_sort",
     "{ lambda ; a:f32[37,3001]. let b:f32[37,3001] = sort[dimension=1 is_stable=True num_keys=1] a in "
     "(b,) }",
     "routine sort library"},
};

std::vector<Array> inputs_of(const Executable& executable) {
  std::vector<Array> inputs;
  std::uint32_t state = 1;
  for (const Type& type : executable.inputs()) {
    Array array(type);
    auto* values = reinterpret_cast<float*>(array.mutable_bytes().data());
    for (std::int64_t k = 0; k < element_count(type.shape); ++k) {
      state = state * 1664525 + 1013904223;
      values[k] = static_cast<float>(state >> 8) / (1 << 23) - 1;
    }
    inputs.push_back(array);
  }
  return inputs;
}

void expect_same(const std::vector<Array>& got, const std::vector<Array>& want, const std::string& when) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t k = 0; k < got.size(); ++k)
    EXPECT_EQ(std::memcmp(got[k].bytes().data(), want[k].bytes().data(), want[k].bytes().size()), 0) << when;
}

class Threads : public testing::TestWithParam<Row> {};

TEST_P(Threads, DoNotChangeResults) {
  const Program program = Program::parse(GetParam().text);
  const Executable alone = compile(program, {.threads = 1});
  EXPECT_NE(alone.dump(Stage::plan).find(GetParam().split), std::string::npos) << alone.dump(Stage::plan);
  const std::vector<Array> inputs = inputs_of(alone);
  const std::vector<Array> want = alone.run(inputs);
  for (const int threads : {2, 3, 7}) {
    const Executable executable = compile(program, {.threads = threads});
    for (int run = 0; run < 3; ++run) expect_same(executable.run(inputs), want, std::to_string(threads) + " threads");
  }
}

TEST_P(Threads, MayCallOneExecutableConcurrently) {
  const Executable executable = compile(Program::parse(GetParam().text), {.threads = 3});
  const std::vector<Array> inputs = inputs_of(executable);
  const std::vector<Array> want = executable.run(inputs);
  std::vector<std::vector<Array>> results(4);
  std::vector<std::thread> callers;
  for (std::vector<Array>& result : results)
    callers.emplace_back([&] {
      for (int run = 0; run < 3; ++run) result = executable.run(inputs);
    });
  for (std::thread& caller : callers) caller.join();
  for (const std::vector<Array>& result : results) expect_same(result, want, "concurrently");
}

TEST_P(Threads, MayCallConcurrentlyWithFewThreads) {
  const Executable executable = compile(Program::parse(GetParam().text), {.threads = 2});
  const std::vector<Array> inputs = inputs_of(executable);
  const std::vector<Array> want = executable.run(inputs);
  std::vector<std::vector<Array>> results(8);
  std::vector<std::thread> callers;
  for (std::vector<Array>& result : results) callers.emplace_back([&] { result = executable.run(inputs); });
  for (std::thread& caller : callers) caller.join();
  for (const std::vector<Array>& result : results) expect_same(result, want, "concurrently");
}

#if !__has_feature(thread_sanitizer)  // which starts no threads in forked processes
TEST_P(Threads, ServeForkedProcesses) {
  const Executable executable = compile(Program::parse(GetParam().text), {.threads = 3});
  const std::vector<Array> inputs = inputs_of(executable);
  const std::vector<Array> want = executable.run(inputs);
  std::vector<pid_t> children;
  for (int process = 0; process < 2; ++process) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      bool good = true;
      for (int run = 0; run < 2; ++run) {
        const std::vector<Array> got = executable.run(inputs);
        for (std::size_t k = 0; k < want.size(); ++k)
          good = good && std::ranges::equal(got[k].bytes(), want[k].bytes());
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  expect_same(executable.run(inputs), want, "beside forked processes");
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
}
#endif

TEST_P(Threads, AgreeWithTheReference) {
  const Program program = Program::parse(GetParam().text);
  const Executable executable = compile(program, {.threads = 2});
  const std::vector<Array> inputs = inputs_of(executable);
  const std::vector<Array> got = executable.run(inputs);
  const std::vector<Array> want = compile(program, {.backend = Backend::evaluator}).run(inputs);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t k = 0; k < got.size(); ++k) {
    if (got[k].type().dtype != DType::f32) continue;
    for (std::size_t i = 0; i < got[k].values<float>().size(); ++i) {
      const float value = want[k].values<float>()[i];
      ASSERT_NEAR(got[k].values<float>()[i], value, 1e-4 * (1 + std::abs(value))) << "element " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, Threads, testing::ValuesIn(rows), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace jaxc
