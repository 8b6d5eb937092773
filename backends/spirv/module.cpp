// The typed builder over the assembler: state, constants, memory, control flow and functions.
#include "backends/spirv/module.h"

#include <fmt/format.h>

#include "backends/spirv/module_state.h"
#include "jaxc/error.h"

namespace jaxc::spirv {
namespace {

// How memory that the whole workgroup touches is accessed, and memory at addresses.
Words shared_access(bool shared) {
  if (!shared) return {};
  return {spv::MemoryAccessNonPrivatePointerMask};
}

Words aligned_access(Kind kind, Sharing sharing) {
  const auto shared =
      sharing == Sharing::workgroup ? spv::MemoryAccessNonPrivatePointerMask : spv::MemoryAccessMaskNone;
  return {spv::MemoryAccessAlignedMask | static_cast<std::uint32_t>(shared),
          static_cast<std::uint32_t>(kind_bytes(kind))};
}

}  // namespace

std::string_view name(Kind kind) {
  static constexpr std::string_view names[] = {"boolean", "i8", "i16", "i32", "i64", "f32", "f64"};
  return names[static_cast<int>(kind)];
}

std::int64_t kind_bytes(Kind kind) {
  static constexpr std::int64_t bytes[] = {0, 1, 2, 4, 8, 4, 8};
  if (kind == Kind::boolean) throw InternalError("spirv module: a boolean has no size in memory");
  return bytes[static_cast<int>(kind)];
}

bool is_integer(Kind kind) {
  return kind >= Kind::i8 && kind <= Kind::i64;
}
bool is_floating(Kind kind) {
  return kind == Kind::f32 || kind == Kind::f64;
}

Module::State::State(const ModuleOptions& module_options) : options(module_options) {
  assembler.memory_model(spv::AddressingModelPhysicalStorageBuffer64, spv::MemoryModelVulkan);
  assembler.capability(spv::CapabilityShader);
  assembler.capability(spv::CapabilityPhysicalStorageBufferAddresses);
  assembler.capability(spv::CapabilityVulkanMemoryModel);
  assembler.capability(spv::CapabilityInt64);
  assembler.execution_mode(spv::ExecutionModeLocalSize, {options.workgroup_size, 1, 1});
  instructions = assembler.import("GLSL.std.450");
  entry = assembler.new_id();
  assembler.begin_function(entry, assembler.type(spv::OpTypeVoid), {});
}

spv::Id Module::State::type(Kind kind) {
  kinds.insert(kind);
  switch (kind) {
    case Kind::boolean:
      return assembler.type(spv::OpTypeBool);
    case Kind::i8:
      assembler.capability(spv::CapabilityInt8);
      return assembler.type(spv::OpTypeInt, {8, 0});
    case Kind::i16:
      assembler.capability(spv::CapabilityInt16);
      return assembler.type(spv::OpTypeInt, {16, 0});
    case Kind::i32:
      return assembler.type(spv::OpTypeInt, {32, 0});
    case Kind::i64:
      return assembler.type(spv::OpTypeInt, {64, 0});
    case Kind::f32:
      return assembler.type(spv::OpTypeFloat, {32});
    case Kind::f64:
      assembler.capability(spv::CapabilityFloat64);
      return assembler.type(spv::OpTypeFloat, {64});
  }
  throw InternalError("spirv module: unknown kind");
}

spv::Id Module::State::constant(Kind kind, std::uint64_t bits) {
  if (kind == Kind::boolean) {
    const spv::Id id = assembler.constant(bits != 0 ? spv::OpConstantTrue : spv::OpConstantFalse, type(kind));
    integer_constants.emplace(id, bits != 0 ? 1 : 0);
    return id;
  }
  Words literals = {static_cast<std::uint32_t>(bits)};
  if (kind_bytes(kind) == 8) literals.push_back(static_cast<std::uint32_t>(bits >> 32));
  const spv::Id id = assembler.constant(spv::OpConstant, type(kind), literals);
  if (is_integer(kind)) {
    const int shift = 64 - 8 * static_cast<int>(kind_bytes(kind));
    integer_constants.emplace(id, static_cast<std::int64_t>(bits << shift) >> shift);
  }
  return id;
}

spv::Id Module::State::built_in(spv::BuiltIn which, bool vector) {
  const spv::Id word = type(Kind::i32);
  const spv::Id element = vector ? assembler.type(spv::OpTypeVector, {word, 3}) : word;
  spv::Id& variable = built_ins[which];
  if (variable == 0) {
    variable = assembler.global(spv::StorageClassInput, element);
    assembler.decorate(variable, spv::DecorationBuiltIn, {static_cast<std::uint32_t>(which)});
  }
  return assembler.operation(spv::OpLoad, element, {variable});
}

Value Module::State::built_in(spv::BuiltIn which, int axis) {
  const spv::Id vector = built_in(which, true);
  const Words operands = {vector, static_cast<std::uint32_t>(axis)};
  return {assembler.operation(spv::OpCompositeExtract, type(Kind::i32), operands), Kind::i32};
}

void Module::State::expect(bool fits, std::string_view operation, Value left, Value right) const {
  if (fits) return;
  throw InternalError(
      fmt::format("spirv module: {} does not take {} and {}", operation, name(left.kind), name(right.kind)));
}

Module::Module(const ModuleOptions& options) : state_(std::make_unique<State>(options)) {}
Module::~Module() = default;
Module::Module(Module&&) noexcept = default;
Module& Module::operator=(Module&&) noexcept = default;

std::vector<std::uint32_t> Module::finish() {
  Assembler& assembler = state_->assembler;
  const ModuleOptions& options = state_->options;
  assembler.effect(spv::OpReturn, {});
  assembler.end_function();
  const auto declare = [&](bool offered, Kind kind, spv::Capability capability, spv::ExecutionMode mode) {
    if (!offered || !uses(kind)) return;
    assembler.capability(capability);
    assembler.execution_mode(mode, {static_cast<std::uint32_t>(8 * kind_bytes(kind))});
  };
  const auto rte = spv::CapabilityRoundingModeRTE;
  const auto preserve = spv::CapabilitySignedZeroInfNanPreserve;
  declare(options.round_to_nearest_f32, Kind::f32, rte, spv::ExecutionModeRoundingModeRTE);
  declare(options.round_to_nearest_f64, Kind::f64, rte, spv::ExecutionModeRoundingModeRTE);
  declare(options.preserve_special_f32, Kind::f32, preserve, spv::ExecutionModeSignedZeroInfNanPreserve);
  declare(options.preserve_special_f64, Kind::f64, preserve, spv::ExecutionModeSignedZeroInfNanPreserve);
  Words result = assembler.finish(state_->entry, "main");
  validate(result);
  return result;
}

bool Module::uses(Kind kind) const {
  return state_->kinds.contains(kind);
}

Value Module::boolean(bool value) {
  return {state_->constant(Kind::boolean, value ? 1 : 0), Kind::boolean};
}

Value Module::integer(Kind kind, std::int64_t value) {
  if (!is_integer(kind)) throw InternalError("spirv module: an integer constant needs an integer kind");
  return bits(kind, static_cast<std::uint64_t>(value));
}

Value Module::floating(Kind kind, double value) {
  if (!is_floating(kind)) throw InternalError("spirv module: a floating constant needs a floating kind");
  if (kind == Kind::f32) return bits(kind, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  return bits(kind, std::bit_cast<std::uint64_t>(value));
}

Value Module::bits(Kind kind, std::uint64_t value) {
  const int width = kind == Kind::boolean ? 1 : 8 * static_cast<int>(kind_bytes(kind));
  const std::uint64_t mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
  return {state_->constant(kind, value & mask), kind};
}

std::optional<std::int64_t> Module::constant_of(Value value) const {
  const auto found = state_->integer_constants.find(value.id);
  return found == state_->integer_constants.end() ? std::nullopt : std::optional(found->second);
}

Value Module::push_constant(std::uint32_t word) {
  Assembler& assembler = state_->assembler;
  const std::uint32_t count = state_->options.push_constant_words;
  if (word >= count) throw InternalError("spirv module: push constant out of range");
  if (state_->push_constants == 0) {
    const spv::Id type = assembler.type(spv::OpTypeStruct, Words(count, state_->type(Kind::i64)));
    assembler.name(type, "PushConstants");
    assembler.decorate(type, spv::DecorationBlock);
    for (std::uint32_t i = 0; i < count; ++i) assembler.decorate_member(type, i, spv::DecorationOffset, {8 * i});
    state_->push_constants = assembler.global(spv::StorageClassPushConstant, type);
  }
  const spv::Id pointer = state_->access_chain(spv::StorageClassPushConstant, Kind::i64, state_->push_constants,
                                               state_->constant(Kind::i32, word));
  return {assembler.operation(spv::OpLoad, state_->type(Kind::i64), {pointer}), Kind::i64};
}

Value Module::workgroup_index(int axis) {
  return state_->built_in(spv::BuiltInWorkgroupId, axis);
}

Value Module::workgroup_count(int axis) {
  return state_->built_in(spv::BuiltInNumWorkgroups, axis);
}

Value Module::local_index() {
  return {state_->built_in(spv::BuiltInLocalInvocationIndex, false), Kind::i32};
}

spv::Id Module::State::access_chain(spv::StorageClass storage, Kind element, spv::Id base, spv::Id index) {
  return assembler.operation(spv::OpAccessChain, assembler.pointer(storage, type(element)), {base, index});
}

spv::Id Module::State::pointer(Kind kind, Value address) {
  if (address.kind != Kind::i64) throw InternalError("spirv module: an address is an i64");
  if (kind == Kind::boolean) throw InternalError("spirv module: a boolean has no place in memory");
  if (kind == Kind::i8) assembler.capability(spv::CapabilityStorageBuffer8BitAccess);
  if (kind == Kind::i16) assembler.capability(spv::CapabilityStorageBuffer16BitAccess);
  const spv::Id pointer_type = assembler.pointer(spv::StorageClassPhysicalStorageBuffer, type(kind));
  return assembler.operation(spv::OpConvertUToPtr, pointer_type, {address.id});
}

Value Module::load(Kind kind, Value address, Sharing sharing) {
  const Words operands = joined({state_->pointer(kind, address)}, aligned_access(kind, sharing));
  return {state_->assembler.operation(spv::OpLoad, state_->type(kind), operands), kind};
}

void Module::store(Value value, Value address, Sharing sharing) {
  const spv::Id pointer = state_->pointer(value.kind, address);
  state_->assembler.effect(spv::OpStore, joined({pointer, value.id}, aligned_access(value.kind, sharing)));
}

void Module::atomic_add(Value address, Value value) {
  state_->expect(value.kind == Kind::i32, "atomic_add", address, value);
  const spv::Id pointer = state_->pointer(Kind::i32, address);
  const spv::Id scope = state_->constant(Kind::i32, spv::ScopeQueueFamily);
  const spv::Id relaxed = state_->constant(Kind::i32, spv::MemorySemanticsMaskNone);
  state_->assembler.operation(spv::OpAtomicIAdd, state_->type(Kind::i32), {pointer, scope, relaxed, value.id});
}

Variable Module::variable(Kind kind, std::string_view name) {
  const spv::Id id = state_->assembler.variable(state_->type(kind));
  state_->assembler.name(id, name);
  return {id, kind};
}

Variable Module::variable(Value initial, std::string_view name) {
  const Variable result = variable(initial.kind, name);
  write(result, initial);
  return result;
}

Value Module::read(Variable variable) {
  return {state_->assembler.operation(spv::OpLoad, state_->type(variable.kind), {variable.id}), variable.kind};
}

void Module::write(Variable variable, Value value) {
  if (variable.kind != value.kind) {
    throw InternalError(
        fmt::format("spirv module: a variable of {} cannot hold {}", name(variable.kind), name(value.kind)));
  }
  state_->assembler.effect(spv::OpStore, {variable.id, value.id});
}

spv::Id Module::State::array_type(Kind kind, std::int64_t length) {
  return assembler.type(spv::OpTypeArray, {type(kind), constant(Kind::i32, static_cast<std::uint64_t>(length))});
}

LocalArray Module::private_array(Kind kind, std::int64_t length) {
  return {state_->assembler.variable(state_->array_type(kind, length)), kind, length, false};
}

LocalArray Module::shared_array(Kind kind, std::int64_t length) {
  const spv::Id type = state_->array_type(kind, length);
  return {state_->assembler.global(spv::StorageClassWorkgroup, type), kind, length, true};
}

spv::Id Module::State::element(const LocalArray& array, Value index) {
  if (!is_integer(index.kind)) throw InternalError("spirv module: an index is an integer");
  return access_chain(array.shared ? spv::StorageClassWorkgroup : spv::StorageClassFunction, array.kind, array.id,
                      index.id);
}

Value Module::read(const LocalArray& array, Value index) {
  const Words operands = joined({state_->element(array, index)}, shared_access(array.shared));
  return {state_->assembler.operation(spv::OpLoad, state_->type(array.kind), operands), array.kind};
}

void Module::write(const LocalArray& array, Value index, Value value) {
  if (array.kind != value.kind) throw InternalError("spirv module: an array's element has another kind");
  const spv::Id pointer = state_->element(array, index);
  state_->assembler.effect(spv::OpStore, joined({pointer, value.id}, shared_access(array.shared)));
}

void Module::State::branch(spv::Id block) {
  assembler.effect(spv::OpBranch, {block});
}

void Module::State::branch(Value condition, spv::Id yes, spv::Id no) {
  assembler.effect(spv::OpBranchConditional, {condition.id, yes, no});
}

void Module::if_then(Value condition, const Emit& then) {
  state_->expect(condition.kind == Kind::boolean, "if", condition, condition);
  Assembler& assembler = state_->assembler;
  const spv::Id yes = assembler.new_id();
  const spv::Id merge = assembler.new_id();
  assembler.effect(spv::OpSelectionMerge, {merge, spv::SelectionControlMaskNone});
  state_->branch(condition, yes, merge);
  assembler.label(yes);
  then();
  state_->branch(merge);
  assembler.label(merge);
}

void Module::if_then_else(Value condition, const Emit& then, const Emit& otherwise) {
  state_->expect(condition.kind == Kind::boolean, "if", condition, condition);
  Assembler& assembler = state_->assembler;
  const spv::Id yes = assembler.new_id();
  const spv::Id no = assembler.new_id();
  const spv::Id merge = assembler.new_id();
  assembler.effect(spv::OpSelectionMerge, {merge, spv::SelectionControlMaskNone});
  state_->branch(condition, yes, no);
  assembler.label(yes);
  then();
  state_->branch(merge);
  assembler.label(no);
  otherwise();
  state_->branch(merge);
  assembler.label(merge);
}

void Module::State::loop(const std::function<Value()>& condition, const Emit& body, const Emit& advance) {
  const spv::Id head = assembler.new_id();
  const spv::Id test = assembler.new_id();
  const spv::Id step = assembler.new_id();
  const spv::Id next = assembler.new_id();
  const spv::Id merge = assembler.new_id();
  branch(head);
  assembler.label(head);
  assembler.effect(spv::OpLoopMerge, {merge, next, spv::LoopControlMaskNone});
  branch(test);
  assembler.label(test);
  branch(condition(), step, merge);
  assembler.label(step);
  body();
  branch(next);
  assembler.label(next);
  advance();
  branch(head);
  assembler.label(merge);
}

void Module::loop_while(const std::function<Value()>& condition, const Emit& body) {
  state_->loop(condition, body, [] {});
}

void Module::loop_range(Value begin, Value end, Value step, const std::function<void(Value)>& body) {
  state_->expect(is_integer(begin.kind) && begin.kind == end.kind && begin.kind == step.kind, "loop_range", begin, end);
  const Variable counter = variable(begin);
  state_->loop([&] { return compare(IntegerCompare::less_signed, read(counter), end); }, [&] { body(read(counter)); },
               [&] { write(counter, binary(IntegerBinary::add, read(counter), step)); });
}

void Module::barrier(BarrierScope scope) {
  const spv::Scope reach = scope == BarrierScope::workgroup ? spv::ScopeWorkgroup : spv::ScopeSubgroup;
  const std::uint32_t semantics = spv::MemorySemanticsAcquireReleaseMask | spv::MemorySemanticsUniformMemoryMask |
                                  spv::MemorySemanticsWorkgroupMemoryMask | spv::MemorySemanticsMakeAvailableMask |
                                  spv::MemorySemanticsMakeVisibleMask;
  const spv::Id whom = state_->constant(Kind::i32, reach);
  const spv::Id what = state_->constant(Kind::i32, semantics);
  state_->assembler.effect(spv::OpControlBarrier, {whom, whom, what});
}

Value Module::any_in_subgroup(Value condition) {
  state_->expect(condition.kind == Kind::boolean, "any_in_subgroup", condition, condition);
  state_->assembler.capability(spv::CapabilityGroupNonUniform);
  state_->assembler.capability(spv::CapabilityGroupNonUniformVote);
  const Words operands = {state_->constant(Kind::i32, spv::ScopeSubgroup), condition.id};
  return {state_->assembler.operation(spv::OpGroupNonUniformAny, state_->type(Kind::boolean), operands), Kind::boolean};
}

Function Module::function(std::string_view name, std::vector<Kind> parameters, Kind result,
                          const std::function<Value(std::span<const Value>)>& body) {
  Assembler& assembler = state_->assembler;
  std::vector<spv::Id> types;
  for (const Kind kind : parameters) types.push_back(state_->type(kind));
  const spv::Id id = assembler.new_id();
  assembler.name(id, name);
  const std::vector<spv::Id> ids = assembler.begin_function(id, state_->type(result), types);
  std::vector<Value> arguments;
  for (std::size_t i = 0; i < parameters.size(); ++i) arguments.push_back({ids[i], parameters[i]});
  const Value value = body(arguments);
  state_->expect(value.kind == result, "a function's result", value, {0, result});
  assembler.effect(spv::OpReturnValue, {value.id});
  assembler.end_function();
  return {id, std::move(parameters), result};
}

Value Module::call(const Function& function, std::span<const Value> arguments) {
  if (arguments.size() != function.parameters.size()) throw InternalError("spirv module: wrong number of arguments");
  Words operands = {function.id};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    state_->expect(arguments[i].kind == function.parameters[i], "a call", arguments[i], {0, function.parameters[i]});
    operands.push_back(arguments[i].id);
  }
  return {state_->assembler.operation(spv::OpFunctionCall, state_->type(function.result), operands), function.result};
}

}  // namespace jaxc::spirv
