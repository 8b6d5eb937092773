// Implements decided_by_order: the extreme partial products are those of all large and of all small factors.
#include "factors.h"

#include <cmath>
#include <complex>
#include <limits>

#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/values.h"
#include "ir/prims/type_rules.h"

namespace jaxc::random_programs {

namespace {

using ir::Primitive;

/// The sums of `terms` over the factors of each element.
std::vector<double> sums(const ir::Equation& product, const Shape& shape, const std::vector<double>& terms) {
  ir::Jaxpr jaxpr;
  const Type type{DType::f64, shape};
  ir::Equation sum = product;
  sum.primitive = product.primitive == Primitive::cumprod ? Primitive::cumsum : Primitive::reduce_sum;
  const ir::Variable input = jaxpr.add_variable(type);
  jaxpr.inputs = {input};
  sum.inputs = {input};
  const std::vector<Type> results = ir::infer_types(sum, std::vector<Type>{type}, {});
  sum.outputs = {jaxpr.add_variable(results.at(0))};
  jaxpr.outputs = {sum.outputs[0]};
  jaxpr.equations = {std::move(sum)};
  const std::vector<Array> values = compiler::evaluate(jaxpr, {}, std::vector<Array>{compiler::store(type, terms)});
  return compiler::load<double>(values[0]);
}

}  // namespace

std::optional<std::vector<bool>> decided_by_order(const ir::Equation& equation, const Array& operand) {
  if (equation.primitive != Primitive::reduce_prod && equation.primitive != Primitive::cumprod) return std::nullopt;
  const DType dtype = operand.type().dtype;
  if (!is_floating(dtype) && !is_complex(dtype)) return std::nullopt;
  const auto factors = compiler::load<std::complex<double>>(operand);
  // Logarithms of the factors above and below 1, and how many there are.
  std::vector<std::vector<double>> terms(4, std::vector<double>(factors.size()));
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double size = std::abs(factors[i]);
    const bool large = size > 1;
    terms[large ? 0 : 1][i] = size == 0 || !std::isfinite(size) ? 0 : std::log2(size);
    terms[large ? 2 : 3][i] = 1;
  }
  std::vector<std::vector<double>> totals;
  for (const auto& term : terms) totals.push_back(sums(equation, operand.type().shape, term));
  const bool wide = real_dtype(dtype) == DType::f64;
  // A complex product takes the products of parts, which are up to twice as large as the modulus.
  const double highest = (wide ? 1024 : 128) - (is_complex(dtype) ? 2 : 0);
  const double lowest = (wide ? -1022 : -126) + (is_complex(dtype) ? 2 : 0);
  std::vector<bool> decided(totals[0].size());
  bool any = false;
  for (std::size_t i = 0; i < decided.size(); ++i) {
    const bool overflows = totals[0][i] >= highest && totals[3][i] > 0;
    const bool underflows = totals[1][i] <= lowest && totals[2][i] > 0;
    decided[i] = overflows || underflows;
    any = any || decided[i];
  }
  return any ? std::optional(decided) : std::nullopt;
}

}  // namespace jaxc::random_programs
