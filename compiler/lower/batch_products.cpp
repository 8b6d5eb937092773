// Rewrites one scan at a time: products before it, the scan with fewer carries, products after it.
#include "compiler/lower/batch_products.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "compiler/lower/simplify.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

using ir::Atom;
using ir::Axes;
using ir::DotNumbers;
using ir::Equation;
using ir::Jaxpr;
using ir::JaxprPointer;
using ir::Parameter;
using ir::Primitive;
using ir::Variable;

/// Elements of a matrix that is worth reading, or writing, less often than once a step.
constexpr std::int64_t least_elements = 1024;
constexpr std::int64_t most_bytes = std::int64_t{1} << 28;

Parameter axes_parameter(const Axes& axes) {
  Parameter::List list;
  for (std::int64_t axis : axes) list.items.push_back({axis});
  return {list};
}

Parameter dimension_numbers(const DotNumbers& numbers) {
  const auto pair = [](Parameter left, Parameter right) {
    return Parameter{Parameter::Tuple{{std::move(left), std::move(right)}}};
  };
  return pair(pair(axes_parameter(numbers.left_contracting), axes_parameter(numbers.right_contracting)),
              pair(axes_parameter(numbers.left_batch), axes_parameter(numbers.right_batch)));
}

/// The shape of the steps' arrays side by side.
Shape stacked(std::int64_t length, const Shape& shape) {
  Shape result{length};
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

Axes shifted(Axes axes) {
  for (std::int64_t& axis : axes) ++axis;
  return axes;
}

bool is_leading(const Axes& axes) {
  for (std::size_t k = 0; k < axes.size(); ++k)
    if (axes[k] != static_cast<std::int64_t>(k)) return false;
  return true;
}

Shape free_extents(const Shape& shape, const Axes& contracting) {
  Shape result;
  for (std::size_t k = 0; k < shape.size(); ++k)
    if (std::find(contracting.begin(), contracting.end(), static_cast<std::int64_t>(k)) == contracting.end())
      result.push_back(shape[k]);
  return result;
}

/// Moves the products of one scan, and appends what becomes of it to the jaxpr that holds it.
class ScanBatching {
 public:
  ScanBatching(Jaxpr& outer, Equation scan) : outer_(outer), scan_(std::move(scan)) {
    const ir::ScanShape shape = ir::scan_shape(scan_);
    body_ = *shape.body;
    length_ = shape.length;
    constants_ = static_cast<std::size_t>(shape.constants);
    carries_ = static_cast<std::size_t>(shape.carries);
    possible_ = length_ > 1 && body_.outputs.size() == scan_.outputs.size();
  }

  void run() {
    if (possible_) {
      sources_.resize(body_.variables.size());
      for (std::size_t k = 0; k < body_.inputs.size(); ++k) sources_[body_.inputs[k].index] = source_of_input(k);
      move_before();
      count_uses();
      for (std::size_t carry = carries_; carry-- > 0;) move_after(carry);
      if (moved_) write_parameters();
    }
    outer_.equations.push_back(std::move(scan_));
    for (Equation& equation : after_) outer_.equations.push_back(std::move(equation));
  }

 private:
  enum class Source : std::uint8_t { step, constant, carry, stacked };

  Source source_of_input(std::size_t input) const {
    if (input < constants_) return Source::constant;
    return input < constants_ + carries_ ? Source::carry : Source::stacked;
  }

  Source source(const Atom& atom) const {
    const auto* variable = std::get_if<Variable>(&atom);
    return variable == nullptr ? Source::constant : sources_[variable->index];
  }

  /// What the scan is given for an input of its body.
  const Atom& operand(const Atom& input) const {
    const auto found = std::find(body_.inputs.begin(), body_.inputs.end(), std::get<Variable>(input));
    return scan_.inputs[static_cast<std::size_t>(found - body_.inputs.begin())];
  }

  std::int64_t bytes_of_steps(const Type& type) const {
    return length_ * element_count(type.shape) * static_cast<std::int64_t>(element_bytes(type.dtype));
  }

  Type type_of_steps(const Type& type) const { return {type.dtype, stacked(length_, type.shape)}; }

  /// Appends an equation with one output outside of the scan.
  Atom emit(std::vector<Equation>& equations, Equation equation, const Type& type) {
    equation.outputs = {outer_.add_variable(type)};
    equation.location = scan_.location;
    equations.push_back(std::move(equation));
    return equations.back().outputs[0];
  }

  Atom reshape(std::vector<Equation>& equations, const Atom& operand, const Shape& shape) {
    const Type& type = outer_.type(operand);
    if (type.shape == shape) return operand;
    Equation equation{Primitive::reshape, {}, {operand}, {}, {}};
    Parameter::Tuple extents;
    for (std::int64_t extent : shape) extents.items.push_back({extent});
    equation.parameters.set("dimensions", {Parameter::None{}});
    equation.parameters.set("new_sizes", {extents});
    equation.parameters.set("sharding", {Parameter::None{}});
    return emit(equations, std::move(equation), {type.dtype, shape});
  }

  Atom transpose(std::vector<Equation>& equations, const Atom& operand, const Axes& permutation) {
    Equation equation{Primitive::transpose, {}, {operand}, {}, {}};
    Parameter::Tuple axes;
    Type type{outer_.type(operand).dtype, {}};
    for (std::int64_t axis : permutation) {
      axes.items.push_back({axis});
      type.shape.push_back(outer_.type(operand).shape[static_cast<std::size_t>(axis)]);
    }
    equation.parameters.set("permutation", {axes});
    return emit(equations, std::move(equation), type);
  }

  /// The product of all steps has the axis over steps first among its free axes.
  void move_before() {
    std::erase_if(body_.equations, [&](const Equation& equation) {
      if (equation.primitive != Primitive::dot_general) return false;
      const bool left = source(equation.inputs[0]) == Source::stacked;
      const Atom& step = equation.inputs[left ? 0 : 1];
      const Atom& matrix = equation.inputs[left ? 1 : 0];
      if (source(step) != Source::stacked || source(matrix) != Source::constant) return false;
      DotNumbers numbers = ir::dot_numbers(equation.parameters);
      const Type type = body_.type(equation.outputs[0]);
      if (!numbers.left_batch.empty() || element_count(body_.type(matrix).shape) < least_elements ||
          bytes_of_steps(type) > most_bytes)
        return false;
      if (!left) std::swap(numbers.left_contracting, numbers.right_contracting);
      const Atom product = product_before(equation, numbers, operand(step), operand(matrix), left);
      sources_[equation.outputs[0].index] = Source::stacked;
      body_.inputs.push_back(equation.outputs[0]);
      scan_.inputs.push_back(product);
      moved_ = true;
      return true;
    });
  }

  Atom product_before(const Equation& equation, DotNumbers numbers, Atom steps, const Atom& matrix, bool left) {
    const Type type = body_.type(equation.outputs[0]);
    const Shape& shape = outer_.type(steps).shape;
    const Shape step_shape(shape.begin() + 1, shape.end());
    const Shape rows = free_extents(step_shape, numbers.left_contracting);
    const Shape columns = free_extents(outer_.type(matrix).shape, numbers.right_contracting);
    Shape result = stacked(length_, rows);
    numbers.left_contracting = shifted(numbers.left_contracting);
    const bool is_matrix = numbers.left_contracting == Axes{static_cast<std::int64_t>(shape.size()) - 1};
    if (is_matrix) {
      steps = reshape(outer_.equations, steps, {element_count(result), shape.back()});
      numbers.left_contracting = {1};
    }
    Equation product{Primitive::dot_general, equation.parameters, {steps, matrix}, {}, {}};
    product.parameters.set("dimension_numbers", dimension_numbers(numbers));
    Shape product_shape = is_matrix ? Shape{element_count(result)} : result;
    product_shape.insert(product_shape.end(), columns.begin(), columns.end());
    result.insert(result.end(), columns.begin(), columns.end());
    Atom value = emit(outer_.equations, std::move(product), {type.dtype, product_shape});
    value = reshape(outer_.equations, value, result);
    if (left || rows.empty() || columns.empty()) return value;
    // The step's product had the matrix's axes first.
    Axes permutation{0};
    for (std::size_t k = 0; k < columns.size(); ++k)
      permutation.push_back(static_cast<std::int64_t>(1 + rows.size() + k));
    for (std::size_t k = 0; k < rows.size(); ++k) permutation.push_back(static_cast<std::int64_t>(1 + k));
    return transpose(outer_.equations, value, permutation);
  }

  void count_uses() {
    uses_.assign(body_.variables.size(), 0);
    definitions_.assign(body_.variables.size(), nullptr);
    const auto use = [&](const Atom& atom) {
      if (const auto* variable = std::get_if<Variable>(&atom)) ++uses_[variable->index];
    };
    for (const Equation& equation : body_.equations) {
      for (const Atom& input : equation.inputs) use(input);
      for (Variable output : equation.outputs) definitions_[output.index] = &equation;
    }
    for (const Atom& output : body_.outputs) use(output);
  }

  /// The equation that computes a value for one place only.
  const Equation* only_for_one(const Atom& atom) const {
    const auto* variable = std::get_if<Variable>(&atom);
    return variable != nullptr && uses_[variable->index] == 1 ? definitions_[variable->index] : nullptr;
  }

  void move_after(std::size_t carry) {
    const Variable argument = body_.inputs[constants_ + carry];
    const Type type = body_.type(argument);
    const Equation* sum = only_for_one(body_.outputs[carry]);
    if (sum == nullptr || (sum->primitive != Primitive::add && sum->primitive != Primitive::add_any)) return;
    const bool first = sum->inputs[0] == Atom(argument);
    if (uses_[argument.index] != 1 || sum->inputs[first ? 0 : 1] != Atom(argument)) return;
    const Equation* product = only_for_one(sum->inputs[first ? 1 : 0]);
    const Equation* turned = nullptr;
    if (product != nullptr && product->primitive == Primitive::transpose) {
      turned = product;
      product = only_for_one(turned->inputs[0]);
    }
    if (product == nullptr || product->primitive != Primitive::dot_general) return;
    if (!is_floating(type.dtype) || element_count(type.shape) < least_elements) return;
    std::int64_t elements = 0;
    for (const Atom& factor : product->inputs) {
      if (source(factor) == Source::constant || bytes_of_steps(body_.type(factor)) > most_bytes) return;
      elements += element_count(body_.type(factor).shape);
    }
    if (elements > element_count(type.shape)) return;
    write_product_after(carry, *sum, *product, turned);
    std::erase_if(body_.equations, [&, outputs = std::array{body_.outputs[carry], sum->inputs[first ? 1 : 0],
                                                            Atom(product->outputs[0])}](const Equation& equation) {
      return equation.outputs.size() == 1 &&
             std::find(outputs.begin(), outputs.end(), Atom(equation.outputs[0])) != outputs.end();
    });
    const auto erase = [](auto& list, std::size_t at) { list.erase(list.begin() + static_cast<std::ptrdiff_t>(at)); };
    erase(body_.outputs, carry);
    erase(scan_.outputs, carry);
    erase(body_.inputs, constants_ + carry);
    erase(scan_.inputs, constants_ + carry);
    --carries_;
    moved_ = true;
    count_uses();
  }

  void write_product_after(std::size_t carry, const Equation& sum, const Equation& product, const Equation* turned) {
    DotNumbers numbers = ir::dot_numbers(product.parameters);
    std::array<Atom, 2> factors{all_steps(product.inputs[0]), all_steps(product.inputs[1])};
    const Type& left = body_.type(product.inputs[0]);
    const bool leading =
        numbers.left_batch.empty() && is_leading(numbers.left_contracting) && is_leading(numbers.right_contracting);
    const auto count = numbers.left_contracting.size();
    if (leading) {
      // One contracted axis over steps and rows.
      std::int64_t extent = length_;
      for (std::size_t k = 0; k < count; ++k) extent *= left.shape[k];
      for (std::size_t side = 0; side < 2; ++side) {
        const Shape& shape = body_.type(product.inputs[side]).shape;
        factors[side] =
            reshape(after_, factors[side],
                    stacked(extent, Shape(shape.begin() + static_cast<std::ptrdiff_t>(count), shape.end())));
      }
      numbers.left_contracting = numbers.right_contracting = {0};
    } else {
      for (Axes* axes :
           {&numbers.left_contracting, &numbers.right_contracting, &numbers.left_batch, &numbers.right_batch})
        *axes = shifted(*axes);
      numbers.left_contracting.insert(numbers.left_contracting.begin(), 0);
      numbers.right_contracting.insert(numbers.right_contracting.begin(), 0);
    }
    Equation whole{Primitive::dot_general, product.parameters, {factors[0], factors[1]}, {}, {}};
    whole.parameters.set("dimension_numbers", dimension_numbers(numbers));
    Atom value = emit(after_, std::move(whole), body_.type(product.outputs[0]));
    if (turned != nullptr)
      value = emit(after_, {turned->primitive, turned->parameters, {value}, {}, {}}, body_.type(turned->outputs[0]));
    after_.push_back({sum.primitive,
                      sum.parameters,
                      {scan_.inputs[constants_ + carry], value},
                      {scan_.outputs[carry]},
                      sum.location});
  }

  /// The values of all steps: a stacked operand or an output of the scan.
  Atom all_steps(const Atom& factor) {
    if (source(factor) == Source::stacked) return operand(factor);
    const auto found =
        std::find(body_.outputs.begin() + static_cast<std::ptrdiff_t>(carries_), body_.outputs.end(), factor);
    if (found != body_.outputs.end()) return scan_.outputs[static_cast<std::size_t>(found - body_.outputs.begin())];
    body_.outputs.push_back(factor);
    scan_.outputs.push_back(outer_.add_variable(type_of_steps(body_.type(factor))));
    return scan_.outputs.back();
  }

  void write_parameters() {
    scan_.parameters.set("jaxpr", {JaxprPointer(std::make_shared<Jaxpr>(std::move(body_)))});
    scan_.parameters.set("num_carry", {static_cast<std::int64_t>(carries_)});
  }

  Jaxpr& outer_;
  Equation scan_;
  Jaxpr body_;
  std::vector<Source> sources_;  ///< by variable of the body
  std::int64_t length_ = 0;
  std::size_t constants_ = 0;
  std::size_t carries_ = 0;
  bool possible_ = false;
  bool moved_ = false;
  std::vector<int> uses_;                     ///< by variable of the body
  std::vector<const Equation*> definitions_;  ///< by variable of the body
  std::vector<Equation> after_;
};

using Done = std::unordered_map<const Jaxpr*, JaxprPointer>;

Jaxpr batch(const Jaxpr& jaxpr, Done& done);

void batch_inside(Parameter& parameter, Done& done) {
  if (auto* inner = std::get_if<JaxprPointer>(&parameter.value)) {
    if (*inner == nullptr) return;
    const auto found = done.find(inner->get());
    const JaxprPointer old = *inner;
    if (found == done.end()) {
      *inner = std::make_shared<Jaxpr>(batch(*old, done));
      done.emplace(old.get(), *inner);
    } else {
      *inner = found->second;
    }
  } else if (auto* tuple = std::get_if<Parameter::Tuple>(&parameter.value)) {
    for (Parameter& item : tuple->items) batch_inside(item, done);
  } else if (auto* list = std::get_if<Parameter::List>(&parameter.value)) {
    for (Parameter& item : list->items) batch_inside(item, done);
  }
}

Jaxpr batch(const Jaxpr& jaxpr, Done& done) {
  Jaxpr result = jaxpr;
  result.equations.clear();
  for (Equation equation : jaxpr.equations) {
    for (ir::NamedParameter& parameter : equation.parameters.entries) batch_inside(parameter.value, done);
    if (equation.primitive == Primitive::scan)
      ScanBatching(result, std::move(equation)).run();
    else
      result.equations.push_back(std::move(equation));
  }
  return result;
}

}  // namespace

Jaxpr batch_products(const Jaxpr& jaxpr) {
  Done done;
  return without_dead_code(batch(jaxpr, done));
}

}  // namespace jaxc::compiler
