// Verifies Programs: assignment, visibility, types, coverage of stores, and the shape of control.
#include <fmt/format.h>

#include <algorithm>

#include "ir/affine.h"
#include "ir/overloaded.h"
#include "ir/program.h"
#include "ir/region_verify.h"
#include "jaxc/error.h"

namespace jaxc::ir {

namespace {

std::string_view kind_name(const Node& node) {
  constexpr std::string_view names[] = {"nest", "reshape", "loop", "branch", "routine"};
  return names[node.kind.index()];
}

bool may_merge(Opcode opcode) {
  switch (opcode) {
    case Opcode::add:
    case Opcode::mul:
    case Opcode::min:
    case Opcode::max:
    case Opcode::bit_and:
    case Opcode::bit_or:
    case Opcode::bit_xor:
      return true;
    default:
      return false;
  }
}

/// How a Program holds an array of `type`.
ProgramArray storage_of(const Type& type) {
  ProgramArray storage{type.dtype, type.shape};
  switch (type.dtype) {
    case DType::f16:
    case DType::bf16:
      storage.dtype = DType::u16;
      break;
    case DType::i2:
    case DType::i4:
      storage.dtype = DType::i8;
      break;
    case DType::u2:
    case DType::u4:
      storage.dtype = DType::u8;
      break;
    case DType::c64:
    case DType::c128:
      storage.dtype = real_dtype(type.dtype);
      storage.shape.push_back(2);
      break;
    case DType::key:
      storage.dtype = DType::u32;
      storage.shape.push_back(2);
      break;
    default:
      break;
  }
  return storage;
}

class ProgramVerifier {
 public:
  explicit ProgramVerifier(const Program& program)
      : program_(program),
        assigned_(program.arrays.size(), false),
        visible_(program.arrays.size(), false),
        constant_(program.arrays.size(), false),
        seen_(program.node_count, false) {}

  void run() {
    functions();
    for (const Interface& input : program_.inputs) interface(input.array, input.type, "input");
    for (const ProgramConstant& constant : program_.constants) {
      interface(constant.array, constant.value.type(), "constant");
      constant_[constant.array] = true;
    }
    std::vector<bool> taken = assigned_;  // by an input, a constant or an output
    block(program_.body);
    require(program_.body.results.size() == program_.outputs.size(), "the body yields the outputs' arrays");
    for (std::size_t k = 0; k < program_.outputs.size(); ++k) {
      const Interface& output = program_.outputs[k];
      see(output.array, "an output");
      require(program_.body.results[k] == output.array, "the body yields the outputs' arrays");
      if (taken[output.array]) fail(fmt::format("a{} is an input, a constant or another output too", output.array));
      taken[output.array] = true;
      match(output.array, output.type, "output");
    }
    if (std::find(seen_.begin(), seen_.end(), false) != seen_.end()) fail("node numbers are dense from 0");
  }

 private:
  [[noreturn]] void fail(std::string_view rule) const {
    if (node_ == nullptr) throw InternalError(fmt::format("program: {}", rule));
    const Location& at = node_->location;
    const std::string place = at.line == 0 ? "" : fmt::format(" (line {}:{})", at.line, at.column);
    throw InternalError(fmt::format("node {}{}, {}: {}", node_->id, place, kind_name(*node_), rule));
  }
  void require(bool holds, std::string_view rule) const {
    if (!holds) fail(rule);
  }

  const ProgramArray& info(ArrayId array) const { return program_.arrays[array]; }

  void see(ArrayId array, std::string_view what) const {
    if (array >= visible_.size() || !visible_[array]) fail(fmt::format("{} names a{}, not assigned here", what, array));
  }

  void show(ArrayId array) {
    visible_[array] = true;
    shown_.push_back(array);
  }

  void assign(ArrayId array) {
    if (array >= assigned_.size()) fail(fmt::format("a{} does not exist", array));
    if (assigned_[array]) fail(fmt::format("a{} is assigned once", array));
    const Type type{info(array).dtype, info(array).shape};
    for (std::int64_t extent : type.shape) require(extent >= 0, "extents are not negative");
    static_cast<void>(byte_count(type));
    assigned_[array] = true;
    show(array);
  }

  void match(ArrayId array, const Type& type, std::string_view what) const {
    const ProgramArray storage = storage_of(type);
    if (storage.dtype != info(array).dtype || storage.shape != info(array).shape)
      fail(fmt::format("{} a{} holds a {}, got {}{}", what, array, to_string(type), name(info(array).dtype),
                       to_string(info(array).shape)));
  }

  void interface(ArrayId array, const Type& type, std::string_view what) {
    assign(array);
    match(array, type, what);
  }

  void same_type(ArrayId left, ArrayId right, std::string_view rule) const {
    require(info(left).dtype == info(right).dtype && info(left).shape == info(right).shape, rule);
  }

  // Functions are closed and do not call each other in a circle.
  void functions() {
    const std::size_t count = program_.functions.size();
    std::vector<std::vector<std::uint64_t>> callees(count);
    for (std::size_t number = 0; number < count; ++number) {
      const ScalarFunction& function = program_.functions[number];
      const RegionScope scope{program_, {}, nullptr, [&](std::string_view rule) {
                                fail(fmt::format("function {}: {}", function.name, rule));
                              }};
      verify_region(function.region, scope);
      require(function.region.results.size() == 1, "a function has one result");
      calls(function.region, callees[number]);
    }
    std::vector<std::size_t> callers(count, 0);
    for (const auto& list : callees)
      for (std::uint64_t callee : list) ++callers[callee];
    std::vector<std::size_t> ready;
    for (std::size_t number = 0; number < count; ++number)
      if (callers[number] == 0) ready.push_back(number);
    std::size_t done = 0;
    for (; done < ready.size(); ++done)
      for (std::uint64_t callee : callees[ready[done]])
        if (--callers[callee] == 0) ready.push_back(callee);
    require(done == count, "functions do not call each other in a circle");
  }

  static void calls(const Region& region, std::vector<std::uint64_t>& callees) {
    for (const ScalarOp& op : region.ops) {
      if (op.opcode == Opcode::call) callees.push_back(op.immediate);
      for (const Region& inner : op.regions) calls(inner, callees);
    }
  }

  // Verifies a block; what it assigned is hidden again after `inside` has looked at its results.
  template <typename Inside>
  void block(const Block& block, const Inside& inside) {
    const std::size_t mark = shown_.size();
    const Node* outer = node_;
    for (const Node& node : block.nodes) this->node(node);
    node_ = outer;
    for (ArrayId array : block.results) see(array, "a block's result");
    inside();
    hide(mark);
  }
  void block(const Block& block) {
    for (const Node& node : block.nodes) this->node(node);
    node_ = nullptr;
    for (ArrayId array : block.results) see(array, "the body's result");
  }
  void hide(std::size_t mark) {
    for (; shown_.size() > mark; shown_.pop_back()) visible_[shown_.back()] = false;
  }

  void node(const Node& node) {
    node_ = &node;
    require(node.id < seen_.size() && !seen_[node.id], "node numbers are dense from 0");
    seen_[node.id] = true;
    std::visit([&](const auto& kind) { this->kind(kind); }, node.kind);
    node_ = &node;
  }

  void closed(const Region& region, std::string_view part) const {
    verify_region(region, RegionScope{program_, {}, nullptr, [&](std::string_view rule) {
                                        fail(fmt::format("{}: {}", part, rule));
                                      }});
  }

  void kind(const Nest& nest) {
    for (const Axis& axis : nest.axes) {
      require(axis.extent >= 0, "extents are not negative");
      require(axis.kind != AxisKind::reduced || nest.reduction, "only a reduction has reduced axes");
      require(axis.kind != AxisKind::ordered || !nest.reduction, "a reduction has no ordered axes");
    }
    const RegionScope scope{program_, nest.axes, [this](ArrayId array) { return bool{visible_[array]}; },
                            [&](std::string_view rule) { fail(rule); }};
    require(nest.body.arguments.empty(), "the body takes no arguments");
    verify_region(nest.body, scope);
    if (nest.reduction) reduction(nest);
    require(nest.outputs.size() == (nest.reduction ? nest.reduction->initial.size() : nest.body.results.size()),
            "stores each result of the body, or each accumulator");
    for (std::size_t k = 0; k < nest.outputs.size(); ++k) store(nest, k, scope);
    for (const NestOutput& output : nest.outputs) assign(output.result);
  }

  void reduction(const Nest& nest) {
    const Reduction& reduction = *nest.reduction;
    std::vector<DType> types;
    for (const ScalarConstant& value : reduction.initial) types.push_back(value.dtype);
    closed(reduction.step, "the reduction's step");
    require(reduction.step.results.size() == types.size(), "the step gives every accumulator");
    for (std::size_t k = 0; k < types.size(); ++k)
      require(reduction.step.ops[reduction.step.results[k]].dtype == types[k], "the step keeps accumulators' types");
    for (OpId result : nest.body.results) types.push_back(nest.body.ops[result].dtype);
    require(reduction.step.arguments == types, "the step takes the accumulators and the body's results");
    if (reduction.merge) require(may_merge(*reduction.merge), "this opcode merges no partial results");
  }

  void store(const Nest& nest, std::size_t number, const RegionScope& scope) {
    const NestOutput& output = nest.outputs[number];
    require(output.result < program_.arrays.size(), "a result does not exist");
    const ProgramArray& result = info(output.result);
    const DType type =
        nest.reduction ? nest.reduction->initial[number].dtype : nest.body.ops[nest.body.results[number]].dtype;
    require(type == result.dtype, "a result has its value's type");
    if (output.base) {
      see(*output.base, "a base");
      same_type(*output.base, output.result, "a base has the result's type");
    }
    require(!output.guard || output.base, "only stores into a base are guarded");
    require(!output.combine || output.base, "only stores into a base are combined");
    const OpId limit = static_cast<OpId>(nest.body.ops.size());
    if (output.guard) {
      require(!nest.reduction, "a reduction's stores are unguarded");
      require(*output.guard < limit && nest.body.ops[*output.guard].dtype == DType::boolean, "a guard is a boolean");
    }
    verify_indices(output.indices, result.shape, nest.body, limit, output.guard.has_value(), scope);
    if (output.combine) {
      closed(*output.combine, "combine");
      require(output.combine->arguments == std::vector<DType>{type, type} && output.combine->results.size() == 1 &&
                  output.combine->ops[output.combine->results[0]].dtype == type,
              "combine takes two elements and gives one");
    }
    std::vector<Affine> forms;
    std::vector<bool> stored;
    for (const Axis& axis : nest.axes) stored.push_back(axis.kind != AxisKind::reduced);
    for (const Index& index : output.indices) {
      auto form = affine(index, nest.body, nest.axes.size());
      if (!form) {
        require(!nest.reduction, "a reduction stores at positions of parallel axes");
        require(output.base.has_value(), "stores without a base have affine indices");
        return;
      }
      for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
        require(stored[axis] || form->coefficients[axis] == 0, "a reduction stores at positions of parallel axes");
      forms.push_back(std::move(*form));
    }
    if (!output.base && !covers_once(forms, nest.axes, stored, result.shape))
      fail(fmt::format("stores cover every element of a{} exactly once", output.result));
  }

  void kind(const Reshape& reshape) {
    see(reshape.source, "the source");
    assign(reshape.result);
    require(info(reshape.source).dtype == info(reshape.result).dtype &&
                element_count(info(reshape.source).shape) == element_count(info(reshape.result).shape),
            "source and result have as many elements of one type");
  }

  void scalar(ArrayId array, DType dtype, std::string_view rule) const {
    require(info(array).dtype == dtype && info(array).shape.empty(), rule);
  }

  void sliced(ArrayId whole, ArrayId slice, int axis, const Loop& loop) const {
    Shape shape = info(whole).shape;
    require(axis >= 0 && static_cast<std::size_t>(axis) < shape.size(), "a stacked array has the axis");
    require(shape[static_cast<std::size_t>(axis)] == loop.trip_count, "a stacked array has one slice per step");
    shape.erase(shape.begin() + axis);
    require(shape == info(slice).shape && info(whole).dtype == info(slice).dtype,
            "a slice is the stacked array without the axis");
  }

  void kind(const Loop& loop) {
    require(loop.trip_count >= 0, "the number of steps is not negative");
    require(!loop.condition || (loop.inputs.empty() && loop.outputs.empty()), "a conditional loop stacks no arrays");
    for (const Carry& carry : loop.carries) see(carry.initial, "a carry");
    for (const StackedInput& input : loop.inputs) see(input.source, "a stacked input");
    const std::size_t mark = shown_.size();
    assign(loop.position);
    scalar(loop.position, DType::i64, "the position is an i64 scalar");
    for (const Carry& carry : loop.carries) {
      assign(carry.argument);
      same_type(carry.initial, carry.argument, "a carry keeps its type");
    }
    for (const StackedInput& input : loop.inputs) {
      assign(input.argument);
      sliced(input.source, input.argument, input.axis, loop);
    }
    if (loop.condition) {
      block(*loop.condition, [&] {
        require(loop.condition->results.size() == 1, "the condition yields one boolean");
        scalar(loop.condition->results[0], DType::boolean, "the condition yields one boolean");
      });
    }
    block(loop.body, [&] { loop_results(loop); });
    hide(mark);
    for (const Carry& carry : loop.carries) {
      assign(carry.result);
      same_type(carry.next, carry.result, "a carry keeps its type");
    }
    for (const StackedOutput& output : loop.outputs) {
      assign(output.result);
      sliced(output.result, output.value, output.axis, loop);
    }
  }

  void loop_results(const Loop& loop) const {
    std::vector<ArrayId> expected;
    std::vector<ArrayId> owned;
    for (const Carry& carry : loop.carries) {
      expected.push_back(carry.next);
      same_type(carry.argument, carry.next, "a carry keeps its type");
    }
    for (const StackedOutput& output : loop.outputs) expected.push_back(output.value);
    require(loop.body.results == expected, "the body yields the nexts, then the stacked values");
    for (const Node& node : loop.body.nodes)
      for (ArrayId array : arrays_assigned(node)) owned.push_back(array);
    std::sort(owned.begin(), owned.end());
    std::vector<ArrayId> taken;
    for (const Carry& carry : loop.carries) taken.push_back(carry.next);
    std::sort(taken.begin(), taken.end());
    std::vector<ArrayId> values;
    for (const StackedOutput& output : loop.outputs) {
      require(std::binary_search(owned.begin(), owned.end(), output.value),
              "a node of the body assigns a stacked value");
      require(!std::binary_search(taken.begin(), taken.end(), output.value), "a stacked value is no carry's next");
      values.push_back(output.value);
    }
    std::sort(values.begin(), values.end());
    require(std::adjacent_find(values.begin(), values.end()) == values.end(), "a value is stacked once");
  }

  void kind(const Branch& branch) {
    see(branch.index, "the index");
    scalar(branch.index, DType::i32, "the index is an i32 scalar");
    require(!branch.blocks.empty(), "has a block");
    for (const Block& inner : branch.blocks) {
      block(inner, [&] {
        require(inner.results.size() == branch.results.size(), "each block yields the results");
        for (std::size_t k = 0; k < inner.results.size(); ++k) {
          require(branch.results[k] < program_.arrays.size(), "a result does not exist");
          same_type(inner.results[k], branch.results[k], "each block yields values of the results' types");
        }
      });
    }
    for (ArrayId result : branch.results) assign(result);
  }

  void prefix(const Routine& routine) const {
    const Prefix& prefix = *routine.prefix;
    closed(prefix.combine, "combine");
    require(!routine.inputs.empty() && routine.inputs.size() == routine.outputs.size(), "every input has its prefixes");
    const auto dimension = static_cast<std::size_t>(prefix.dimension);
    std::vector<DType> scalars;
    for (std::size_t k = 0; k < routine.inputs.size(); ++k) {
      same_type(routine.inputs[k], routine.outputs[k], "prefixes have the input's type");
      const Shape& shape = info(routine.inputs[k]).shape;
      const Shape& first = info(routine.inputs[0]).shape;
      require(dimension < std::min(shape.size(), first.size()) &&
                  std::equal(shape.begin(), shape.begin() + prefix.dimension + 1, first.begin()),
              "inputs have the same lines");
      const Shape element(shape.begin() + prefix.dimension + 1, shape.end());
      scalars.insert(scalars.end(), static_cast<std::size_t>(element_count(element)), info(routine.inputs[k]).dtype);
    }
    require(prefix.identity.empty() || prefix.identity.size() == scalars.size(), "an identity is an element");
    require(prefix.combine.results.size() == scalars.size() && prefix.combine.arguments.size() == 2 * scalars.size(),
            "combines two elements");
    for (std::size_t k = 0; k < scalars.size(); ++k)
      require(prefix.combine.arguments[k] == scalars[k] && prefix.combine.arguments[scalars.size() + k] == scalars[k] &&
                  prefix.combine.ops[prefix.combine.results[k]].dtype == scalars[k] &&
                  (prefix.identity.empty() || prefix.identity[k].dtype == scalars[k]),
              "elements have the inputs' types");
  }

  void kind(const Routine& routine) {
    for (ArrayId input : routine.inputs) see(input, "an input");
    if (routine.prefix) prefix(routine);
    const Node* outer = node_;
    block(routine.expansion, [&] {
      for (ArrayId output : routine.outputs) see(output, "an output");
      require(routine.expansion.results == routine.outputs, "the expansion yields the outputs");
    });
    std::vector<ArrayId> known = routine.inputs;
    std::vector<ArrayId> read;
    for (const Node& node : routine.expansion.nodes) {
      for (ArrayId array : arrays_read(node)) read.push_back(array);
      for (ArrayId array : arrays_assigned(node)) known.push_back(array);
    }
    std::sort(known.begin(), known.end());
    for (ArrayId output : routine.outputs) {
      require(std::binary_search(known.begin(), known.end(), output) &&
                  std::find(routine.inputs.begin(), routine.inputs.end(), output) == routine.inputs.end(),
              "the expansion assigns the outputs");
      show(output);
    }
    for (ArrayId array : read)
      if (!constant_[array] && !std::binary_search(known.begin(), known.end(), array))
        fail(fmt::format("the expansion reads a{}, which is no input", array));
    node_ = outer;
  }

  const Program& program_;
  std::vector<bool> assigned_;
  std::vector<bool> visible_;
  std::vector<bool> constant_;
  std::vector<bool> seen_;
  std::vector<ArrayId> shown_;  ///< visible arrays, in order, for leaving blocks
  const Node* node_ = nullptr;
};

}  // namespace

void verify(const Program& program) {
  ProgramVerifier(program).run();
}

}  // namespace jaxc::ir
