// Implements Expectation.
#include "expectation.h"

#include <fmt/format.h>

#include <complex>

#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/values.h"
#include "factors.h"
#include "random.h"

namespace jaxc::random_programs {

using compiler::load;
using Complex = std::complex<double>;
using ir::Kind;
using ir::Primitive;

namespace {

constexpr int runs = 5;
constexpr double usual_amplitude = 4;  ///< units in the last place
constexpr double special_amplitude = 64;
constexpr double derivative_amplitude = 256;  ///< derivatives of incomplete gamma functions cancel

bool is_inexact(DType dtype) {
  return is_floating(dtype) || is_complex(dtype);
}

double unit_roundoff(DType dtype) {
  switch (real_dtype(dtype)) {
    case DType::f64:
      return 0x1p-53;
    case DType::f16:
      return 0x1p-11;
    case DType::bf16:
      return 0x1p-8;
    default:
      return 0x1p-24;
  }
}

double least_normal(DType dtype) {
  switch (real_dtype(dtype)) {
    case DType::f64:
      return 0x1p-1022;
    case DType::f16:
      return 0x1p-14;
    default:
      return 0x1p-126;
  }
}

/// Primitives whose result is one of their operands' values, or is defined to the last bit by them.
bool is_exact(Primitive primitive) {
  switch (ir::kind(primitive)) {
    case Kind::shape:
    case Kind::loop:
    case Kind::branch:
    case Kind::call:
    case Kind::random:
      return true;
    case Kind::map:
      break;
    default:
      return primitive == Primitive::reduce_max || primitive == Primitive::reduce_min ||
             primitive == Primitive::cummax || primitive == Primitive::cummin || primitive == Primitive::gather ||
             primitive == Primitive::scatter || primitive == Primitive::dynamic_slice ||
             primitive == Primitive::dynamic_update_slice || primitive == Primitive::sort ||
             primitive == Primitive::top_k || primitive == Primitive::reduce_window_max ||
             primitive == Primitive::reduce_window_min || primitive == Primitive::scatter_min ||
             primitive == Primitive::scatter_max;
  }
  switch (primitive) {
    case Primitive::neg:
    case Primitive::sign:
    case Primitive::nextafter:
    case Primitive::floor:
    case Primitive::ceil:
    case Primitive::round:
    case Primitive::real:
    case Primitive::imag:
    case Primitive::complex:
    case Primitive::conj:
    case Primitive::max:
    case Primitive::min:
    case Primitive::clamp:
    case Primitive::select_n:
    case Primitive::copy:
    case Primitive::copy_p:
    case Primitive::stop_gradient:
    case Primitive::zeros_like:
    case Primitive::convert_element_type:
    case Primitive::reduce_precision:
      return true;
    default:
      return false;
  }
}

/// Functions with an error of more than a few units in the last place.
double amplitude(Primitive primitive) {
  switch (primitive) {
    case Primitive::pow:
    case Primitive::lgamma:
    case Primitive::digamma:
    case Primitive::polygamma:
    case Primitive::igamma:
    case Primitive::igammac:
    case Primitive::regularized_incomplete_beta:
    case Primitive::zeta:
    case Primitive::bessel_i0e:
    case Primitive::bessel_i1e:
    case Primitive::erf_inv:
      return special_amplitude;
    case Primitive::igamma_grad_a:
    case Primitive::random_gamma_grad:
      return derivative_amplitude;
    default:
      return usual_amplitude;
  }
}

/// Moves values by some units in their last place.
class Perturbation final : public compiler::EvaluateObserver {
 public:
  explicit Perturbation(std::uint64_t seed) : random_(seed) {}

  void before(const ir::Equation& equation, std::vector<Array>& operands) override {
    floor_.clear();
    if (equation.primitive == Primitive::lgamma || equation.primitive == Primitive::digamma)
      for (double value : load<double>(operands[0])) floor_.push_back(value < 0 ? 1 : 0);
    const Kind kind = ir::kind(equation.primitive);
    const bool folds = kind == Kind::reduce || kind == Kind::cumulative || kind == Kind::window ||
                       kind == Kind::contract || kind == Kind::routine || kind == Kind::index;
    if (!folds || is_exact(equation.primitive)) return;
    decided_ = decided_by_order(equation, operands[0]);
    folds_ = true;
    for (Array& operand : operands) move(operand, usual_amplitude);
  }

  void after(const ir::Equation& equation, std::vector<Array>& results) override {
    if (is_exact(equation.primitive)) return;
    for (Array& result : results) move(result, amplitude(equation.primitive));
    if (folds_)
      for (Array& result : results) flip_zeros(result);
    folds_ = false;
    floor_.clear();
    if (decided_) scatter(results[0], *decided_);
    decided_.reset();
  }

 private:
  void move(Array& array, double units) {
    const DType dtype = array.type().dtype;
    if (!is_inexact(dtype)) return;
    const double size = units * unit_roundoff(dtype);
    if (is_complex(dtype)) {
      auto values = load<Complex>(array);
      for (Complex& value : values)
        value += std::abs(value) * size * Complex(random_.uniform(-1, 1), random_.uniform(-1, 1));
      array = compiler::store(array.type(), values);
      return;
    }
    auto values = load<double>(array);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double length = floor_.empty() ? std::fabs(values[i]) : std::max(std::fabs(values[i]), floor_[i]);
      values[i] += length * size * random_.uniform(-1, 1);
    }
    array = compiler::store(array.type(), values);
  }

  /// The sign of a sum that is zero depends on how it is added up.
  void flip_zeros(Array& array) {
    if (!is_floating(array.type().dtype)) return;
    auto values = load<double>(array);
    for (double& value : values)
      if (value == 0) value = random_.chance(0.5) ? -0.0 : 0.0;
    array = compiler::store(array.type(), values);
  }

  /// What the order of a product's factors decides may come out as anything.
  void scatter(Array& array, const std::vector<bool>& decided) {
    static const std::vector<double> choices = {0, INFINITY, NAN};
    auto values = load<Complex>(array);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (decided[i]) values[i] = random_.pick(choices);
    array = is_complex(array.type().dtype) ? compiler::store(array.type(), values)
                                           : compiler::store(array.type(), real_parts(values));
  }

  static std::vector<double> real_parts(const std::vector<Complex>& values) {
    std::vector<double> parts;
    for (const Complex& value : values) parts.push_back(value.real());
    return parts;
  }

  Random random_;
  bool folds_ = false;         ///< the equation between `before` and `after` adds elements up
  std::vector<double> floor_;  ///< where lgamma and digamma oscillate: the least size that errors are relative to
  std::optional<std::vector<bool>> decided_;  ///< of the fold between `before` and `after`
};

bool finite(Complex value) {
  return std::isfinite(value.real()) && std::isfinite(value.imag());
}

bool same(double x, double y) {
  return x == y || (std::isnan(x) && std::isnan(y));
}
bool same(Complex x, Complex y) {
  return same(x.real(), y.real()) && same(x.imag(), y.imag());
}

}  // namespace

Comparison& Comparison::operator+=(const Comparison& other) {
  compared += other.compared;
  unstable += other.unstable;
  if (problem.empty()) problem = other.problem;
  return *this;
}

Expectation::Expectation(const ir::Jaxpr& jaxpr, const std::vector<Array>& inputs)
    : results_(compiler::evaluate(jaxpr, {}, inputs)) {
  for (int run = 0; run < runs; ++run) {
    Perturbation perturbation(static_cast<std::uint64_t>(run + 1));
    compiler::EvaluateOptions options;
    options.observer = &perturbation;
    perturbed_.push_back(compiler::evaluate(jaxpr, {}, inputs, options));
  }
}

Comparison Expectation::compare(const std::vector<Array>& got) const {
  Comparison total;
  for (std::size_t k = 0; k < results_.size(); ++k) total += compare(k, got.at(k));
  return total;
}

Comparison Expectation::compare(std::size_t output, const Array& got) const {
  Comparison result;
  const Array& want = results_[output];
  const DType dtype = want.type().dtype;
  if (!is_inexact(dtype)) {
    const auto expected = load<std::int64_t>(want);
    const auto values = load<std::int64_t>(got);
    std::vector<bool> unstable(expected.size());
    for (const auto& other : perturbed_) {
      const auto moved = load<std::int64_t>(other[output]);
      for (std::size_t i = 0; i < moved.size(); ++i) unstable[i] = unstable[i] || moved[i] != expected[i];
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ++(unstable[i] ? result.unstable : result.compared);
      if (!unstable[i] && values[i] != expected[i] && result.problem.empty())
        result.problem = fmt::format("output {} element {}: {} instead of {}", output, i, values[i], expected[i]);
    }
    return result;
  }
  const auto expected = load<Complex>(want);
  const auto values = load<Complex>(got);
  double scale = 0;
  for (const Complex& value : expected)
    if (finite(value)) scale = std::max(scale, std::abs(value));
  std::vector<double> spread(expected.size());
  for (const auto& other : perturbed_) {
    const auto moved = load<Complex>(other[output]);
    for (std::size_t i = 0; i < moved.size(); ++i) {
      if (same(moved[i], expected[i])) continue;
      const double distance = std::abs(moved[i] - expected[i]);
      spread[i] = std::isfinite(distance) ? std::max(spread[i], distance) : INFINITY;
    }
  }
  const double unit = unit_roundoff(dtype);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double size = finite(expected[i]) ? std::abs(expected[i]) : 0;
    const double allowed = 10 * spread[i] + 8 * unit * size + 8 * least_normal(dtype);
    const bool unstable = !(allowed <= 0.05 * (size + scale) + 100 * least_normal(dtype)) && spread[i] > 0 &&
                          allowed > 16 * unit * (size + scale);
    ++(unstable ? result.unstable : result.compared);
    if (unstable || same(values[i], expected[i]) || std::abs(values[i] - expected[i]) <= allowed) continue;
    if (result.problem.empty())
      result.problem =
          fmt::format("output {} element {}: {:.9g}{:+.9g}i instead of {:.9g}{:+.9g}i, where {:.3g} is allowed", output,
                      i, values[i].real(), values[i].imag(), expected[i].real(), expected[i].imag(), allowed);
  }
  return result;
}

}  // namespace jaxc::random_programs
