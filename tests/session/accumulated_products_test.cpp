// Sums that begin with what is added to them, on the CPU, against the naive evaluator: sizes, signs, types, batches.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

struct Row {
  std::string name;
  std::string sum;  ///< of the product g and the slice x or a number
};

std::string program(const std::string& type, const std::string& sum, int size, const std::string& product) {
  return fmt::format(
      "{{ lambda ; k:{0}[{2},{2}] a:{0}[{2},{2}] s:{0}[20,{2},{2}]. let p:{0}[{2},{2}] q:{0}[20,{2},{2}] = "
      "scan[jaxpr={{ lambda ; k:{0}[{2},{2}] c:{0}[{2},{2}] x:{0}[{2},{2}]. let g:{0}[{2},{2}] = "
      "dot_general[dimension_numbers={3} precision=None preferred_element_type={4}] k c; d:{0}[{2},{2}] = {1} in (d, "
      "d) "
      "}} length=20 num_carry=1 num_consts=1 reverse=False unroll=1 linear=(False, False, False)] k a s in (p, q) }}",
      type, sum, size, product, type == "f32" ? "float32" : "float64");
}

template <typename Real>
Array uniform(std::mt19937& random, const Shape& shape, double bound) {
  std::vector<Real> values;
  std::uniform_real_distribution<double> number(-bound, bound);
  for (std::int64_t k = 0; k < element_count(shape); ++k) values.push_back(static_cast<Real>(number(random)));
  return Array::of<Real>(shape, values);
}

template <typename Real>
void compare(const std::string& type, const std::string& sum, double tolerance) {
  std::mt19937 random(7);
  for (const std::string product : {"(([1], [0]), ([], []))", "(([0], [1]), ([], []))", "(([], []), ([0, 1], [0, 1]))"})
    for (const int size : {1, 2, 3, 4, 5, 7, 8, 9, 17}) {
      const Program parsed = Program::parse(program(type, sum, size, product));
      const std::vector<Array> inputs = {uniform<Real>(random, {size, size}, 1.0 / size),
                                         uniform<Real>(random, {size, size}, 1),
                                         uniform<Real>(random, {20, size, size}, 1)};
      const auto got = compile(parsed, {.backend = Backend::cpu}).run(inputs);
      const auto want = compile(parsed, {.backend = Backend::evaluator}).run(inputs);
      double largest = 1;  // carries grow
      for (const Array& result : want)
        for (const Real value : result.template values<Real>()) largest = std::max<double>(largest, std::abs(value));
      for (std::size_t k = 0; k < want.size(); ++k)
        for (std::size_t element = 0; element < want[k].template values<Real>().size(); ++element)
          ASSERT_NEAR(got[k].template values<Real>()[element], want[k].template values<Real>()[element],
                      tolerance * largest)
              << sum << ", size " << size << ", element " << element;
    }
}

class AccumulatedProducts : public testing::TestWithParam<Row> {};

TEST_P(AccumulatedProducts, Agree) {
  compare<float>("f32", fmt::format(fmt::runtime(GetParam().sum), "f32"), 1e-4);
  compare<double>("f64", fmt::format(fmt::runtime(GetParam().sum), "f64"), 1e-12);
}

const Row rows[] = {
    {"Sum", "add g x"},
    {"SumBehind", "add x g"},
    {"Difference", "sub x g"},
    {"NegativeDifference", "sub g x"},
    {"Number", "add g 0.25:{}[]"},
    {"LessANumber", "sub g 0.25:{}[]"},
    {"NumberLess", "sub 0.25:{}[] g"},
    {"OldValue", "sub c g"},
};

INSTANTIATE_TEST_SUITE_P(Forms, AccumulatedProducts, testing::ValuesIn(rows),
                         [](const testing::TestParamInfo<Row>& row) { return row.param.name; });

}  // namespace
}  // namespace jaxc
