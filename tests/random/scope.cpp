// Implements Scope.
#include "scope.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/evaluate/evaluate.h"
#include "compiler/evaluate/values.h"
#include "ir/parser.h"
#include "ir/prims/type_rules.h"
#include "jaxc/error.h"

namespace jaxc::random_programs {

using compiler::load;
using Complex = std::complex<double>;

namespace {

constexpr std::int64_t most_elements = 4096;

bool is_real_float(DType dtype) {
  return is_floating(dtype);
}

struct WeightedDType {
  DType dtype;
  int weight;
};
constexpr std::array dtype_weights = {
    WeightedDType{DType::f32, 100},   WeightedDType{DType::f64, 25}, WeightedDType{DType::i32, 25},
    WeightedDType{DType::boolean, 8}, WeightedDType{DType::u32, 8},  WeightedDType{DType::i64, 6},
    WeightedDType{DType::i8, 3},      WeightedDType{DType::u8, 3},   WeightedDType{DType::i16, 3},
    WeightedDType{DType::u16, 3},     WeightedDType{DType::u64, 3},  WeightedDType{DType::f16, 6},
    WeightedDType{DType::bf16, 6},    WeightedDType{DType::c64, 6},  WeightedDType{DType::c128, 2},
    WeightedDType{DType::i4, 3},      WeightedDType{DType::u4, 3},   WeightedDType{DType::i2, 2},
    WeightedDType{DType::u2, 2},
};

bool is_usual(const ir::Interval& interval) {
  return interval.low == ir::Interval{}.low && interval.high == ir::Interval{}.high;
}

}  // namespace

ir::Parameters parameters(const std::string& text) {
  const std::string program = "{ lambda ; . let a:f32[] = neg[" + text + "] in () }";
  return text.empty() ? ir::Parameters{} : ir::parse(program, "parameters").equations.at(0).parameters;
}

std::string tuple(const std::vector<std::int64_t>& items) {
  if (items.size() == 1) return fmt::format("({},)", items[0]);
  return fmt::format("({})", fmt::join(items, ", "));
}

Value literal(DType dtype, double number) {
  const Type type{dtype, {}};
  if (dtype == DType::boolean || is_integer(dtype)) {
    const Array array = compiler::store(type, std::vector<std::int64_t>{static_cast<std::int64_t>(number)});
    const std::int64_t integer = compiler::scalar_integer(array);  // narrow ones keep their own bits
    if (dtype == DType::boolean) return {ir::Literal{type, number != 0}, array};
    return {ir::Literal{type, integer}, array};
  }
  if (is_complex(dtype)) {
    const Array array = compiler::store(type, std::vector<Complex>{number});
    return {ir::Literal{type, load<Complex>(array)[0]}, array};
  }
  const Array array = compiler::store(type, std::vector<double>{number});
  return {ir::Literal{type, load<double>(array)[0]}, array};
}

bool has_special(const Array& array) {
  if (!is_floating(array.type().dtype) && !is_complex(array.type().dtype)) return false;
  for (const Complex& value : load<Complex>(array))
    if (!std::isfinite(value.real()) || !std::isfinite(value.imag())) return true;
  return false;
}

Value Scope::add(const Type& type, const Array& array, std::vector<ir::Variable>& variables) {
  const ir::Variable variable = jaxpr_.add_variable(type);
  variables.push_back(variable);
  values_.push_back({variable, array});
  return values_.back();
}

Value Scope::input(const Array& array) {
  inputs_.push_back(array);
  return add(array.type(), array, arguments_);
}

Value Scope::fresh(const Type& type, ir::Interval interval) {
  if (outer_ != nullptr) return capture(outer_->fresh(type, interval));
  return input(draw(type, interval));
}

Value Scope::capture(const Value& outer) {
  if (std::holds_alternative<ir::Literal>(outer.atom)) return outer;
  for (std::size_t k = 0; k < captured_.size(); ++k)
    if (captured_[k].atom == outer.atom) return {captures_[k], outer.array};
  captured_.push_back(outer);
  return add(outer.type(), outer.array, captures_);
}

Array Scope::draw(const Type& type, ir::Interval interval) {
  const auto count = static_cast<std::size_t>(element_count(type.shape));
  const DType dtype = type.dtype;
  if (is_floating(dtype) || is_complex(dtype)) {
    // Some arrays hold round numbers, so that values tie and conditions are decided by equality.
    const bool round = random().chance(0.2);
    std::vector<Complex> numbers(count);
    const auto number = [&] {
      const double drawn = random().uniform(interval.low, interval.high);
      return round ? std::clamp(std::round(drawn * 2) / 2, interval.low, interval.high) : drawn;
    };
    for (Complex& value : numbers) value = {number(), is_complex(dtype) ? number() : 0};
    if (is_complex(dtype)) return compiler::store(type, numbers);
    std::vector<double> reals;
    for (const Complex& value : numbers) reals.push_back(value.real());
    return compiler::store(type, reals);
  }
  std::vector<std::int64_t> numbers(count);
  if (!is_usual(interval)) {
    for (std::int64_t& value : numbers)
      value = random().between(static_cast<std::int64_t>(interval.low), static_cast<std::int64_t>(interval.high));
    return compiler::store(type, numbers);
  }
  const bool wide = dtype != DType::boolean && random().chance(0.1);
  for (std::int64_t& value : numbers) {
    value = random().between(is_unsigned_integer(dtype) ? 0 : -4, 9);
    if (dtype == DType::boolean) value = random().between(0, 1);
    if (wide) value = static_cast<std::int64_t>(random().bits());
  }
  return compiler::store(type, numbers);
}

Value Scope::find(const std::function<bool(const Type&)>& fits, const std::function<Type()>& otherwise) {
  Values candidates;
  for (const Value& value : values_)
    if (fits(value.type())) candidates.push_back(value);
  if (!candidates.empty() && (outer_ == nullptr || random().chance(0.8))) {
    // Recent values are likelier, so that programs are deep.
    return candidates[std::max(random().below(candidates.size()), random().below(candidates.size()))];
  }
  for (Scope* scope = outer_; scope != nullptr; scope = scope->outer_) {
    Values found;
    for (const Value& value : scope->values_)
      if (fits(value.type())) found.push_back(value);
    if (found.empty()) continue;
    // Through every scope between.
    std::vector<Scope*> path;
    for (Scope* inner = this; inner != scope; inner = inner->outer_) path.push_back(inner);
    Value value = random().pick(found);
    for (auto it = path.rbegin(); it != path.rend(); ++it) value = (*it)->capture(value);
    return value;
  }
  return fresh(otherwise());
}

Value Scope::of_type(const Type& type) {
  Values exact;
  Values shaped;
  for (const Value& value : values_) {
    if (value.type() == type) exact.push_back(value);
    if (value.shape() == type.shape && value.dtype() != DType::key) shaped.push_back(value);
  }
  if (!exact.empty() && random().chance(0.9))
    return exact[std::max(random().below(exact.size()), random().below(exact.size()))];
  if (!shaped.empty() && type.dtype != DType::key && random().chance(0.8)) {
    const auto converted =
        one(ir::Primitive::convert_element_type, fmt::format("new_dtype={} weak_type=False", numpy_name(type.dtype)),
            {random().pick(shaped)});
    if (converted) return *converted;
  }
  if (type.dtype == DType::key) {
    const Value seeds = fresh({DType::i32, type.shape});
    if (const auto key = one(ir::Primitive::random_seed, "impl=fry", {seeds})) return *key;
  }
  return fresh(type);
}

Value Scope::bounded(const Value& value, ir::Interval interval) {
  const DType dtype = value.dtype();
  const bool usual = is_usual(interval);
  if (!(is_real_float(dtype) || (is_integer(dtype) && !usual))) return value;
  double low = interval.low;
  double high = interval.high;
  if (is_integer(dtype)) {
    low = std::ceil(low);
    high = std::floor(high);
    if (is_unsigned_integer(dtype)) low = std::max(low, 0.0);
  }
  bool inside = true;
  for (const Complex& element : load<Complex>(value.array))
    inside = inside && element.real() >= low && element.real() <= high;
  if (inside || random().chance(0.05)) return value;
  const auto clamped = apply(ir::Primitive::clamp, {}, {literal(dtype, low), value, literal(dtype, high)});
  return clamped ? clamped->at(0) : value;
}

std::optional<Values> Scope::apply(ir::Primitive primitive, ir::Parameters parameters, const Values& operands,
                                   const std::vector<Type>& declared) {
  ir::Jaxpr single;
  ir::Equation equation{primitive, std::move(parameters), {}, {}, {}};
  std::vector<Type> types;
  std::vector<Array> arrays;
  for (const Value& operand : operands) {
    types.push_back(operand.type());
    if (std::holds_alternative<ir::Literal>(operand.atom)) {
      equation.inputs.push_back(operand.atom);
      continue;
    }
    single.inputs.push_back(single.add_variable(operand.type()));
    equation.inputs.push_back(single.inputs.back());
    arrays.push_back(operand.array);
  }
  try {
    const std::vector<Type> results = ir::infer_types(equation, types, declared);
    for (const Type& type : results) {
      if (element_count(type.shape) > most_elements) return std::nullopt;
      equation.outputs.push_back(single.add_variable(type));
      single.outputs.emplace_back(equation.outputs.back());
    }
    single.equations.push_back(equation);
    const std::vector<Array> values = compiler::evaluate(single, {}, arrays);
    bool special = false;
    bool before = false;
    for (const Array& value : values) special = special || has_special(value);
    for (const Value& operand : operands) before = before || has_special(operand.array);
    if (special && random().chance(before ? 0.3 : 0.95)) return std::nullopt;
    for (std::size_t k = 0; k < operands.size(); ++k) equation.inputs[k] = operands[k].atom;
    equation.outputs.clear();
    Values written;
    for (std::size_t k = 0; k < values.size(); ++k) written.push_back(add(results[k], values[k], equation.outputs));
    jaxpr_.equations.push_back(std::move(equation));
    ++writing_.equations;
    ++writing_.counts[primitive];
    return written;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<Value> Scope::one(ir::Primitive primitive, const std::string& text, const Values& operands) {
  const auto results = apply(primitive, parameters(text), operands);
  return results ? std::optional(results->at(0)) : std::nullopt;
}

void Scope::hide(const Value& value) {
  std::erase_if(values_, [&](const Value& candidate) { return candidate.atom == value.atom; });
}

ir::Jaxpr Scope::finish(const Values& outputs) const {
  ir::Jaxpr result = jaxpr_;
  result.inputs = captures_;
  result.inputs.insert(result.inputs.end(), arguments_.begin(), arguments_.end());
  for (const Value& output : outputs) result.outputs.push_back(output.atom);
  return result;
}

DType Scope::random_dtype(ir::DTypes allowed) {
  int total = 0;
  for (const auto& [dtype, weight] : dtype_weights) total += contains(allowed, dtype) ? weight : 0;
  if (total == 0) return DType::f32;
  std::int64_t place = random().between(0, total - 1);
  for (const auto& [dtype, weight] : dtype_weights) {
    if (!contains(allowed, dtype)) continue;
    if (place < weight) return dtype;
    place -= weight;
  }
  return DType::f32;
}

Shape Scope::random_shape(std::size_t least_rank, std::size_t most_rank) {
  static const std::vector<std::int64_t> extents = {1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8};
  static const std::vector<std::int64_t> long_extents = {9, 16, 17, 31, 33, 64};
  const auto rank = static_cast<std::size_t>(
      random().between(static_cast<std::int64_t>(least_rank), static_cast<std::int64_t>(most_rank)));
  Shape shape;
  for (std::size_t k = 0; k < rank; ++k)
    shape.push_back(random().pick(rank <= 2 && random().chance(0.15) ? long_extents : extents));
  if (rank > 0 && random().chance(0.02)) shape[random().below(rank)] = 0;
  while (element_count(shape) > 600) shape[random().below(rank)] = 2;
  return shape;
}

}  // namespace jaxc::random_programs
