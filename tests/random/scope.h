// Scope: a jaxpr being written, with the values that its variables take, so that operands can suit their primitive.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/jaxpr.h"
#include "ir/prims/domain.h"
#include "jaxc/array.h"
#include "random.h"

namespace jaxc::random_programs {

/// An operand: a variable or literal, and what it is worth (in loops: in the first step).
struct Value {
  ir::Atom atom;
  Array array;

  const Type& type() const { return array.type(); }
  const Shape& shape() const { return array.type().shape; }
  DType dtype() const { return array.type().dtype; }
};
using Values = std::vector<Value>;

/// What all scopes of one program share.
struct Writing {
  Random random;
  std::size_t equations = 0;                    ///< written so far, inner ones too
  std::size_t most_equations = 60;              ///< after which scopes end
  std::map<ir::Primitive, std::size_t> counts;  ///< of the primitives written
};

/// Parameters as a jaxpr prints them: "axis=0 reverse=False".
ir::Parameters parameters(const std::string& text);
/// "(1, 2)", "(1,)", "()".
std::string tuple(const std::vector<std::int64_t>& items);
/// A scalar literal, rounded to `dtype`.
Value literal(DType dtype, double number);

class Scope {
 public:
  explicit Scope(Writing& writing) : writing_(writing) {}
  Scope(Writing& writing, Scope& outer) : writing_(writing), outer_(&outer), depth_(outer.depth_ + 1) {}

  Random& random() { return writing_.random; }
  Writing& writing() { return writing_; }
  int depth() const { return depth_; }
  bool full() const { return writing_.equations >= writing_.most_equations; }

  /// A new input of this jaxpr, worth `array`.
  Value input(const Array& array);
  /// A new input of the whole program with values drawn from `interval`, captured if need be.
  Value fresh(const Type& type, ir::Interval interval = {});
  /// A value of the outer scope as an input of this one.
  Value capture(const Value& outer);
  /// A value whose type fits, from this scope or an outer one; else a fresh one of the type that `otherwise` makes.
  Value find(const std::function<bool(const Type&)>& fits, const std::function<Type()>& otherwise);
  /// A value of exactly this type: found, converted, or fresh.
  Value of_type(const Type& type);
  /// `value` with its elements in `interval`, clamped when they are not.
  Value bounded(const Value& value, ir::Interval interval);

  /// Writes an equation; nothing when types or values refuse it. `declared` is for results whose shape is no parameter.
  std::optional<Values> apply(ir::Primitive primitive, ir::Parameters parameters, const Values& operands,
                              const std::vector<Type>& declared = {});
  /// The same, for one result, with the parameters as text.
  std::optional<Value> one(ir::Primitive primitive, const std::string& text, const Values& operands);

  /// No later operand is this value.
  void hide(const Value& value);

  const Values& values() const { return values_; }
  const Values& captured() const { return captured_; }
  const std::vector<Array>& inputs() const { return inputs_; }
  /// The jaxpr with these outputs; its inputs are the captured values, then those of `input`.
  ir::Jaxpr finish(const Values& outputs) const;

  DType random_dtype(ir::DTypes allowed);
  Shape random_shape(std::size_t least_rank = 0, std::size_t most_rank = 4);

 private:
  Value add(const Type& type, const Array& array, std::vector<ir::Variable>& variables);
  Array draw(const Type& type, ir::Interval interval);

  Writing& writing_;
  Scope* outer_ = nullptr;
  int depth_ = 0;
  ir::Jaxpr jaxpr_;
  Values values_;
  Values captured_;  ///< as the outer scope knows them
  std::vector<ir::Variable> captures_;
  std::vector<ir::Variable> arguments_;
  std::vector<Array> inputs_;  ///< the values of arguments_
};

/// True when an element is NaN or infinite.
bool has_special(const Array& array);

}  // namespace jaxc::random_programs
