// Checks scalar code operation by operation.
#include "ir/region_verify.h"

#include <fmt/format.h>

#include "ir/affine.h"

namespace jaxc::ir {

namespace {

bool is_element_type(DType dtype) {
  switch (dtype) {
    case DType::boolean:
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64:
    case DType::u8:
    case DType::u16:
    case DType::u32:
    case DType::u64:
    case DType::f32:
    case DType::f64:
      return true;
    default:
      return false;
  }
}

bool is_real(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64;
}

bool fits(std::uint64_t bits, DType dtype) {
  if (dtype == DType::boolean) return bits <= 1;
  const std::size_t width = 8 * element_bytes(dtype);
  return width == 64 || bits >> width == 0;
}

class RegionVerifier {
 public:
  RegionVerifier(const Region& region, const RegionScope& scope) : region_(region), scope_(scope) {}

  void run() {
    for (current_ = 0; current_ < region_.ops.size(); ++current_) {
      const ScalarOp& op = region_.ops[current_];
      if (!is_element_type(op.dtype)) fail("has a type that scalar code lacks");
      const int count = arity(op.opcode);
      if (count >= 0 && op.arguments.size() != static_cast<std::size_t>(count)) fail("has a wrong number of operands");
      for (OpId argument : op.arguments) {
        if (argument >= current_) fail("uses an operation that does not come before it");
        if (op.opcode != Opcode::element && holds_many(argument)) fail("uses a branch or repeat without element");
      }
      if (op.opcode != Opcode::read && !op.indices.empty()) fail("has indices but reads nothing");
      if (!holds_many(current_) && !op.regions.empty()) fail("has regions of its own");
      check(op);
    }
    for (OpId result : region_.results) {
      if (result >= region_.ops.size()) scope_.fail(fmt::format("result %{} is no operation of the region", result));
      if (holds_many(result)) scope_.fail(fmt::format("result %{} is a branch or repeat without element", result));
    }
    for (DType dtype : region_.arguments)
      if (!is_element_type(dtype)) scope_.fail("an argument has a type that scalar code lacks");
  }

 private:
  void fail(std::string_view rule) const {
    const ScalarOp& op = region_.ops[current_];
    scope_.fail(fmt::format("%{} {} {}: {}", current_, name(op.dtype), name(op.opcode), rule));
  }
  void require(bool holds, std::string_view rule) const {
    if (!holds) fail(rule);
  }

  bool holds_many(OpId op) const {
    const Opcode opcode = region_.ops[op].opcode;
    return opcode == Opcode::branch || opcode == Opcode::repeat;
  }

  DType operand(const ScalarOp& op, std::size_t number) const { return region_.ops[op.arguments[number]].dtype; }

  void require_operands(const ScalarOp& op, std::size_t first = 0) const {
    for (std::size_t k = first; k < op.arguments.size(); ++k)
      require(operand(op, k) == op.dtype, "operands have the result's type");
  }

  void check(const ScalarOp& op) const {
    const DType type = op.dtype;
    switch (op.opcode) {
      case Opcode::constant:
        return require(fits(op.immediate, type), "the bits fit the type");
      case Opcode::axis:
        require(!scope_.axes.empty(), "only the body of a nest that has axes names one");
        require(type == DType::i64, "a position is an i64");
        return require(op.immediate < scope_.axes.size(), "the nest has no axis of this number");
      case Opcode::argument:
        require(op.immediate < region_.arguments.size(), "the region has no argument of this number");
        return require(region_.arguments[op.immediate] == type, "has the argument's type");
      case Opcode::read:
        return read(op);
      case Opcode::neg:
      case Opcode::abs:
      case Opcode::add:
      case Opcode::sub:
      case Opcode::div:
      case Opcode::rem:
        require(type != DType::boolean, "takes numbers");
        return require_operands(op);
      case Opcode::mul:
      case Opcode::min:
      case Opcode::max:
        return require_operands(op);
      case Opcode::bit_not:
      case Opcode::bit_and:
      case Opcode::bit_or:
      case Opcode::bit_xor:
        require(!is_real(type), "takes integers or booleans");
        return require_operands(op);
      case Opcode::floor:
      case Opcode::ceil:
      case Opcode::trunc:
      case Opcode::round_even:
      case Opcode::sqrt:
      case Opcode::mul_add:
      case Opcode::fma:
        require(is_real(type), "takes floats");
        return require_operands(op);
      case Opcode::population_count:
      case Opcode::count_leading_zeros:
      case Opcode::mul_high:
      case Opcode::shift_left:
      case Opcode::shift_right_logical:
      case Opcode::shift_right_arithmetic:
        require(is_integer(type), "takes integers");
        return require_operands(op);
      case Opcode::is_nan:
        require(type == DType::boolean, "gives a boolean");
        return require(is_real(operand(op, 0)), "takes a float");
      case Opcode::convert:
        return;
      case Opcode::bitcast:
        require(type != DType::boolean, "a boolean is made by comparing");
        return require(element_bytes(type) == element_bytes(operand(op, 0)), "the operand has the same width");
      case Opcode::eq:
      case Opcode::ne:
      case Opcode::lt:
      case Opcode::le:
        require(type == DType::boolean, "gives a boolean");
        return require(operand(op, 0) == operand(op, 1), "operands have one type");
      case Opcode::select:
        require(operand(op, 0) == DType::boolean, "the condition is a boolean");
        return require_operands(op, 1);
      case Opcode::call:
        return call(op);
      case Opcode::branch:
        return branch(op);
      case Opcode::repeat:
        return repeat(op);
      case Opcode::element:
        return element(op);
    }
    fail("is no opcode");
  }

  void read(const ScalarOp& op) const {
    require(static_cast<bool>(scope_.may_read), "only a nest's body reads");
    require(op.array < scope_.program.arrays.size(), "the array does not exist");
    require(scope_.may_read(op.array), fmt::format("a{} is not assigned here", op.array));
    const ProgramArray& array = scope_.program.arrays[op.array];
    require(array.dtype == op.dtype, "has the array's element type");
    require(op.arguments.empty() || op.arguments.size() == 2, "takes a guard and a fallback, or neither");
    if (op.arguments.size() == 2) {
      require(operand(op, 0) == DType::boolean, "the guard is a boolean");
      require(operand(op, 1) == op.dtype, "the fallback has the element type");
    }
    RegionScope scope{scope_.program, scope_.axes, scope_.may_read, [&](std::string_view rule) { fail(rule); }};
    verify_indices(op.indices, array.shape, region_, current_, op.arguments.size() == 2, scope);
  }

  void call(const ScalarOp& op) const {
    require(op.immediate < scope_.program.functions.size(), "the function does not exist");
    const Region& callee = scope_.program.functions[op.immediate].region;
    require(callee.arguments.size() == op.arguments.size(), "takes the function's arguments");
    for (std::size_t k = 0; k < op.arguments.size(); ++k)
      require(operand(op, k) == callee.arguments[k], "arguments have the function's types");
    require(callee.results.size() == 1 && callee.results[0] < callee.ops.size() &&
                callee.ops[callee.results[0]].dtype == op.dtype,
            "has the function's one result's type");
  }

  void inner(const Region& region, const ScalarOp& op, std::size_t first_argument) const {
    require(region.arguments.size() == op.arguments.size() - first_argument, "its regions take its arguments");
    for (std::size_t k = first_argument; k < op.arguments.size(); ++k)
      require(region.arguments[k - first_argument] == operand(op, k),
              "its regions' arguments have its operands' types");
    const RegionScope scope{scope_.program, {}, nullptr, [&](std::string_view rule) { fail(rule); }};
    RegionVerifier(region, scope).run();
  }

  void branch(const ScalarOp& op) const {
    require(!op.arguments.empty() && operand(op, 0) == DType::boolean, "the condition is a boolean");
    require(op.regions.size() == 2, "has two regions");
    inner(op.regions[0], op, 1);
    inner(op.regions[1], op, 1);
    const Region& yes = op.regions[0];
    const Region& no = op.regions[1];
    require(!yes.results.empty() && yes.results.size() == no.results.size(), "its regions give as many results");
    for (std::size_t k = 0; k < yes.results.size(); ++k)
      require(yes.ops[yes.results[k]].dtype == no.ops[no.results[k]].dtype, "its regions' results have equal types");
    require(yes.ops[yes.results[0]].dtype == op.dtype, "has its first result's type");
  }

  void repeat(const ScalarOp& op) const {
    require(!op.arguments.empty(), "has an argument");
    require(op.regions.size() == 2, "has two regions");
    inner(op.regions[0], op, 0);
    inner(op.regions[1], op, 0);
    const Region& condition = op.regions[0];
    const Region& body = op.regions[1];
    require(condition.results.size() == 1 && condition.ops[condition.results[0]].dtype == DType::boolean,
            "its condition gives a boolean");
    require(body.results.size() == op.arguments.size(), "its body gives as many values as it takes");
    for (std::size_t k = 0; k < body.results.size(); ++k)
      require(body.ops[body.results[k]].dtype == operand(op, k), "its body gives values of its arguments' types");
    require(operand(op, 0) == op.dtype, "has its first result's type");
  }

  void element(const ScalarOp& op) const {
    require(holds_many(op.arguments[0]), "the operand is a branch or repeat");
    const Region& region = region_.ops[op.arguments[0]].regions.back();
    require(op.immediate < region.results.size(), "there is no result of this number");
    require(region.ops[region.results[op.immediate]].dtype == op.dtype, "has the result's type");
  }

  const Region& region_;
  const RegionScope& scope_;
  OpId current_ = 0;
};

}  // namespace

void verify_region(const Region& region, const RegionScope& scope) {
  RegionVerifier(region, scope).run();
}

void verify_indices(const std::vector<Index>& indices, const Shape& shape, const Region& body, OpId limit, bool guarded,
                    const RegionScope& scope) {
  if (indices.size() != shape.size()) scope.fail("has one index per dimension");
  const bool empty =
      std::any_of(scope.axes.begin(), scope.axes.end(), [](const Axis& axis) { return axis.extent == 0; });
  for (std::size_t dimension = 0; dimension < indices.size(); ++dimension) {
    for (const Index::Term& term : indices[dimension].terms) {
      if (term.op >= limit) scope.fail("an index uses an operation that does not come before it");
      const ScalarOp& op = body.ops[term.op];
      if (op.opcode == Opcode::branch || op.opcode == Opcode::repeat || op.dtype != DType::i64)
        scope.fail("indices are i64 operations");
    }
    if (guarded || empty) continue;
    const auto form = affine(indices[dimension], body, scope.axes.size());
    if (!form) continue;
    const Interval range = interval(*form, scope.axes);
    if (range.low < 0 || range.high >= shape[dimension])
      scope.fail(fmt::format("index {} is in bounds, got {}..{} in extent {}", dimension, range.low, range.high,
                             shape[dimension]));
  }
}

}  // namespace jaxc::ir
