// Long scans whose small factorizations run behind each block of steps, on the CPU, against the naive evaluator.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

struct Row {
  std::string name;
  int steps;
  bool reverse;
  bool position;  ///< the body needs it
  bool blocks;    ///< whether the steps are cut
};

/// c' = c / 2 + x, y = the Cholesky factor of c, and z = log of x's first element, or of the step's number.
std::string program(const Row& row) {
  const std::string number = row.position ? "; g:f64[] = convert_element_type[new_dtype=float64 weak_type=False] i; "
                                            "h:f64[1] = broadcast_in_dim[broadcast_dimensions=() shape=(1,)] g"
                                          : "; h:f64[1] = dynamic_slice[slice_sizes=(1,)] v 0:i32[]";
  return fmt::format(
      "{{ lambda ; a:f64[3,3] n:i32[] xs:f64[{0},3,3] vs:f64[{0},1]. let p:f64[3,3] q:i32[] ys:f64[{0},3,3] "
      "zs:f64[{0},1] "
      "= scan[jaxpr={{ lambda ; c:f64[3,3] i:i32[] x:f64[3,3] v:f64[1]. let d:f64[3,3] = mul c 0.5:f64[]; "
      "e:f64[3,3] = add d x; y:f64[3,3] = cholesky c; j:i32[] = add i 1:i32[]{2}; k:f64[1] = add h 1.0:f64[]; "
      "z:f64[1] = log k in (e, j, y, z) }} length={0} num_carry=2 num_consts=0 reverse={1} unroll=1 linear=(False, "
      "False, "
      "False, False)] a n xs vs in (p, q, ys, zs) }}",
      row.steps, row.reverse ? "True" : "False", number);
}

class BlocksOfSteps : public testing::TestWithParam<Row> {};

TEST_P(BlocksOfSteps, Agree) {
  const Row& row = GetParam();
  const Program parsed = Program::parse(program(row));
  std::vector<double> matrices;
  std::vector<double> numbers;
  for (int step = 0; step < row.steps; ++step) {
    const double small = 0.01 * (step % 89);
    matrices.insert(matrices.end(), {2 + small, small, 0.1, small, 3, small, 0.1, small, 4 - small});
    numbers.push_back(step % 97);
  }
  const std::vector<Array> inputs = {Array::of<double>({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}),
                                     Array::of<std::int32_t>({}, {0}), Array::of<double>({row.steps, 3, 3}, matrices),
                                     Array::of<double>({row.steps, 1}, numbers)};
  const Executable executable = compile(parsed, {.backend = Backend::cpu});
  EXPECT_EQ(executable.dump(Stage::program).find("loop blocks") != std::string::npos, row.blocks);
  const auto got = executable.run(inputs);
  const auto want = compile(parsed, {.backend = Backend::evaluator}).run(inputs);
  for (std::size_t k : {std::size_t{0}, std::size_t{2}, std::size_t{3}})
    for (std::size_t element = 0; element < want[k].values<double>().size(); ++element)
      ASSERT_NEAR(got[k].values<double>()[element], want[k].values<double>()[element], 1e-12) << k << ", " << element;
  EXPECT_EQ(got[1].values<std::int32_t>()[0], row.steps);
}

const Row rows[] = {
    {"Short", 2'000, false, false, false},       {"Long", 64'000, false, false, true},
    {"Reversed", 64'000, true, false, true},     {"CountingSteps", 64'000, false, true, true},
    {"PrimeCount", 64'007, false, false, false},
};

INSTANTIATE_TEST_SUITE_P(Scans, BlocksOfSteps, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

}  // namespace
}  // namespace jaxc
