// The one place that knows how SPIR-V is spelled: a typed builder for one compute kernel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jaxc::spirv {

/// What a value is in registers. Integers carry no sign: operations do.
enum class Kind : std::uint8_t { boolean, i8, i16, i32, i64, f32, f64 };

std::string_view name(Kind kind);
/// Bytes in memory. A boolean has no place in memory; it is stored as an i8.
std::int64_t kind_bytes(Kind kind);
bool is_integer(Kind kind);
bool is_floating(Kind kind);

/// A value in registers.
struct Value {
  std::uint32_t id = 0;
  Kind kind = Kind::boolean;
};

/// A mutable scalar that belongs to one invocation.
struct Variable {
  std::uint32_t id = 0;
  Kind kind = Kind::boolean;
};

/// An array that belongs to one invocation, or is shared by the workgroup.
struct LocalArray {
  std::uint32_t id = 0;
  Kind kind = Kind::i32;
  std::int64_t length = 0;
  bool shared = false;
};

/// A function of scalars.
struct Function {
  std::uint32_t id = 0;
  std::vector<Kind> parameters;
  Kind result = Kind::f32;
};

enum class IntegerBinary : std::uint8_t {
  add,
  subtract,
  multiply,
  divide_signed,
  divide_unsigned,
  remainder_unsigned,
  bit_and,
  bit_or,
  bit_xor,
  shift_left,
  shift_right_logical,
  shift_right_arithmetic,
};
enum class IntegerCompare : std::uint8_t {
  equal,
  not_equal,
  less_signed,
  less_unsigned,
  less_equal_signed,
  less_equal_unsigned,
};
enum class FloatBinary : std::uint8_t { add, subtract, multiply, divide };
enum class FloatUnary : std::uint8_t { negate, absolute, floor, ceil, truncate, round_even, square_root };
/// `not_equal` is true when either is NaN; the others are false then.
enum class FloatCompare : std::uint8_t { equal, not_equal, less, less_equal };
enum class LogicalBinary : std::uint8_t { logical_and, logical_or, logical_xor };

/// Whom a barrier joins. `subgroup` is right only where the workgroup is one subgroup.
enum class BarrierScope : std::uint8_t { workgroup, subgroup };

/// Who else may touch the memory during the kernel. `workgroup` accesses are ordered by barriers.
enum class Sharing : std::uint8_t { invocation, workgroup };

/// What a kernel may ask of its device.
struct ModuleOptions {
  std::uint32_t workgroup_size = 64;
  /// 64-bit words of push constants.
  std::uint32_t push_constant_words = 1;
  /// RoundingModeRTE and SignedZeroInfNanPreserve are declared where these say so.
  bool round_to_nearest_f32 = false;
  bool round_to_nearest_f64 = false;
  bool preserve_special_f32 = false;
  bool preserve_special_f64 = false;
  /// See DeviceDescription.
  bool orders_by_halves = false;
};

/// Builds one SPIR-V 1.5 compute kernel with physical storage buffer addresses and the Vulkan
/// memory model. Every operation checks the kinds of its operands and throws InternalError when
/// they do not fit. Float arithmetic is never contracted.
class Module {
 public:
  explicit Module(const ModuleOptions& options);
  ~Module();
  Module(Module&&) noexcept;
  Module& operator=(Module&&) noexcept;

  /// The finished words, validated. Throws InternalError with the validator's message. The module
  /// takes no more instructions afterwards.
  std::vector<std::uint32_t> finish();

  /// Whether any value of this kind was made.
  bool uses(Kind kind) const;

  // Constants and inputs.
  Value boolean(bool value);
  /// An integer constant; bits beyond the kind's width are ignored.
  Value integer(Kind kind, std::int64_t value);
  Value floating(Kind kind, double value);
  /// A constant of any kind from its bits, which keeps NaN payloads.
  Value bits(Kind kind, std::uint64_t value);
  /// The value of an integer constant, sign extended, or of a boolean one, 0 or 1; nothing for any other value.
  std::optional<std::int64_t> constant_of(Value value) const;
  /// An i64 push constant.
  Value push_constant(std::uint32_t word);
  /// The workgroup's index, axis 0 to 2, as i32.
  Value workgroup_index(int axis);
  /// The number of workgroups along an axis, as i32.
  Value workgroup_count(int axis);
  /// The invocation's index in its workgroup, as i32.
  Value local_index();

  // Arithmetic.
  Value binary(IntegerBinary operation, Value left, Value right);
  Value compare(IntegerCompare operation, Value left, Value right);
  Value binary(FloatBinary operation, Value left, Value right);
  Value unary(FloatUnary operation, Value operand);
  Value compare(FloatCompare operation, Value left, Value right);
  Value binary(LogicalBinary operation, Value left, Value right);
  Value logical_not(Value operand);
  Value bit_not(Value operand);
  Value negate(Value operand);
  Value select(Value condition, Value yes, Value no);
  /// a*b + c with one rounding, or with two where the device has no fused form.
  Value fused_multiply_add(Value a, Value b, Value c);
  /// The number of set bits, in the operand's kind.
  Value population_count(Value operand);
  /// The number of leading zeros, in the operand's kind; the width for 0.
  Value count_leading_zeros(Value operand);

  // Conversion.
  /// To another integer width; widening extends zeros.
  Value resize_unsigned(Value operand, Kind kind);
  /// To another integer width; widening extends the sign.
  Value resize_signed(Value operand, Kind kind);
  Value signed_to_float(Value operand, Kind kind);
  Value unsigned_to_float(Value operand, Kind kind);
  /// Undefined beyond the range of the integer: the caller guards it.
  Value float_to_signed(Value operand, Kind kind);
  Value float_to_unsigned(Value operand, Kind kind);
  Value resize_float(Value operand, Kind kind);
  Value bitcast(Value operand, Kind kind);
  /// 1 or 0.
  Value boolean_to_integer(Value operand, Kind kind);

  // Memory.
  /// Loads from an i64 byte address, which must be a multiple of the kind's bytes.
  Value load(Kind kind, Value address, Sharing sharing);
  void store(Value value, Value address, Sharing sharing);
  /// Adds to an i32 in memory; atomic on the whole device, relaxed.
  void atomic_add(Value address, Value value);

  Variable variable(Kind kind, std::string_view name = "");
  Variable variable(Value initial, std::string_view name = "");
  Value read(Variable variable);
  void write(Variable variable, Value value);

  LocalArray private_array(Kind kind, std::int64_t length);
  LocalArray shared_array(Kind kind, std::int64_t length);
  Value read(const LocalArray& array, Value index);
  void write(const LocalArray& array, Value index, Value value);

  // Control flow.
  using Emit = std::function<void()>;
  void if_then(Value condition, const Emit& then);
  void if_then_else(Value condition, const Emit& then, const Emit& otherwise);
  /// while (condition()) { body(); }
  void loop_while(const std::function<Value()>& condition, const Emit& body);
  /// for (i = begin; i < end; i += step), signed, with i in the kind of `begin`.
  void loop_range(Value begin, Value end, Value step, const std::function<void(Value)>& body);
  /// Orders memory accesses of the scope and makes them visible to it. Uniform control flow only.
  void barrier(BarrierScope scope);
  /// True in every invocation when true in any of the subgroup.
  Value any_in_subgroup(Value condition);

  /// Defines a function, whose body receives its parameters and gives its result.
  Function function(std::string_view name, std::vector<Kind> parameters, Kind result,
                    const std::function<Value(std::span<const Value>)>& body);
  Value call(const Function& function, std::span<const Value> arguments);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Readable text of a module. Throws InternalError when the words are no SPIR-V.
std::string disassemble(std::span<const std::uint32_t> words);
/// Checks a module against Vulkan 1.2. Throws InternalError with the validator's message.
void validate(std::span<const std::uint32_t> words);
/// Promotes variables to values and removes what is dead or redundant.
std::vector<std::uint32_t> optimize(std::span<const std::uint32_t> words);

}  // namespace jaxc::spirv
