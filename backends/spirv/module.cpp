// The typed builder over glslang's spv::Builder: state, constants, memory, control flow and functions.
#include "backends/spirv/module.h"

#include "backends/spirv/module_state.h"
#include "jaxc/error.h"

namespace jaxc::spirv {
namespace {

/// glslang 14 added a linkage type and dropped the parameter names.
template <typename Builder>
spv::Function* function_entry(Builder& builder, spv::Id result, const char* name,
                              const std::vector<spv::Id>& parameters, spv::Block** entry) {
  const std::vector<std::vector<spv::Decoration>> precisions;
  if constexpr (requires {
                  builder.makeFunctionEntry(spv::NoPrecision, result, name, spv::LinkageTypeMax, parameters, precisions,
                                            entry);
                }) {
    return builder.makeFunctionEntry(spv::NoPrecision, result, name, spv::LinkageTypeMax, parameters, precisions,
                                     entry);
  } else {
    const std::vector<const char*> names(parameters.size(), "");
    return builder.makeFunctionEntry(spv::NoPrecision, result, name, parameters, names, precisions, entry);
  }
}

constexpr auto nonprivate = spv::MemoryAccessNonPrivatePointerKHRMask;

spv::MemoryAccessMask access(Sharing sharing) {
  return static_cast<spv::MemoryAccessMask>(spv::MemoryAccessAlignedMask |
                                            (sharing == Sharing::workgroup ? nonprivate : spv::MemoryAccessMaskNone));
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

Module::State::State(const ModuleOptions& module_options) : options(module_options), builder(spv::Spv_1_5, 0, &logger) {
  builder.setMemoryModel(spv::AddressingModelPhysicalStorageBuffer64, spv::MemoryModelVulkan);
  builder.addCapability(spv::CapabilityShader);
  builder.addCapability(spv::CapabilityPhysicalStorageBufferAddresses);
  builder.addCapability(spv::CapabilityVulkanMemoryModel);
  builder.addCapability(spv::CapabilityInt64);
  instructions = builder.import("GLSL.std.450");
  entry = builder.makeEntryPoint("main");
  entry_point = builder.addEntryPoint(spv::ExecutionModelGLCompute, entry, "main");
  builder.addExecutionMode(entry, spv::ExecutionModeLocalSize, static_cast<int>(options.workgroup_size), 1, 1);
}

spv::Id Module::State::type(Kind kind) {
  kinds.insert(kind);
  switch (kind) {
    case Kind::boolean:
      return builder.makeBoolType();
    case Kind::i8:
      builder.addCapability(spv::CapabilityInt8);
      return builder.makeUintType(8);
    case Kind::i16:
      builder.addCapability(spv::CapabilityInt16);
      return builder.makeUintType(16);
    case Kind::i32:
      return builder.makeUintType(32);
    case Kind::i64:
      return builder.makeUintType(64);
    case Kind::f32:
      return builder.makeFloatType(32);
    case Kind::f64:
      builder.addCapability(spv::CapabilityFloat64);
      return builder.makeFloatType(64);
  }
  throw InternalError("spirv module: unknown kind");
}

spv::Id Module::State::constant(Kind kind, std::uint64_t bits) {
  const auto key = std::make_pair(kind, bits);
  if (const auto found = constants.find(key); found != constants.end()) return found->second;
  spv::Id id = 0;
  switch (kind) {
    case Kind::boolean:
      id = builder.makeBoolConstant(bits != 0);
      break;
    case Kind::i8:
      type(kind);
      id = builder.makeUint8Constant(static_cast<unsigned>(bits & 0xff));
      break;
    case Kind::i16:
      type(kind);
      id = builder.makeUint16Constant(static_cast<unsigned>(bits & 0xffff));
      break;
    case Kind::i32:
      id = builder.makeUintConstant(static_cast<unsigned>(bits));
      break;
    case Kind::i64:
      id = builder.makeUint64Constant(bits);
      break;
    case Kind::f32:
      type(kind);
      id = builder.makeFloatConstant(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
      break;
    case Kind::f64:
      type(kind);
      id = builder.makeDoubleConstant(std::bit_cast<double>(bits));
      break;
  }
  constants.emplace(key, id);
  if (kind == Kind::boolean) integer_constants.emplace(id, bits != 0 ? 1 : 0);
  if (is_integer(kind)) {
    const int shift = 64 - 8 * static_cast<int>(kind_bytes(kind));
    integer_constants.emplace(id, static_cast<std::int64_t>(bits << shift) >> shift);
  }
  return id;
}

spv::Id Module::State::built_in(spv::BuiltIn which, bool vector) {
  auto& variable = built_ins[which];
  if (variable == 0) {
    const spv::Id word = builder.makeUintType(32);
    variable = builder.createVariable(spv::NoPrecision, spv::StorageClassInput,
                                      vector ? builder.makeVectorType(word, 3) : word);
    builder.addDecoration(variable, spv::DecorationBuiltIn, static_cast<int>(which));
    entry_point->addIdOperand(variable);
  }
  return builder.createLoad(variable, spv::NoPrecision);
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
  auto& builder = state_->builder;
  const auto& options = state_->options;
  builder.leaveFunction();
  const auto declare = [&](bool offered, bool used, spv::Capability capability, spv::ExecutionMode mode, int width) {
    if (!offered || !used) return;
    builder.addCapability(capability);
    builder.addExecutionMode(state_->entry, mode, width);
  };
  const auto rte = spv::CapabilityRoundingModeRTE;
  const auto preserve = spv::CapabilitySignedZeroInfNanPreserve;
  declare(options.round_to_nearest_f32, uses(Kind::f32), rte, spv::ExecutionModeRoundingModeRTE, 32);
  declare(options.round_to_nearest_f64, uses(Kind::f64), rte, spv::ExecutionModeRoundingModeRTE, 64);
  declare(options.preserve_special_f32, uses(Kind::f32), preserve, spv::ExecutionModeSignedZeroInfNanPreserve, 32);
  declare(options.preserve_special_f64, uses(Kind::f64), preserve, spv::ExecutionModeSignedZeroInfNanPreserve, 64);
  builder.postProcess();
  std::vector<unsigned int> words;
  builder.dump(words);
  std::vector<std::uint32_t> result(words.begin(), words.end());
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
  auto& builder = state_->builder;
  if (word >= state_->options.push_constant_words) throw InternalError("spirv module: push constant out of range");
  if (state_->push_constants == 0) {
    const spv::Id type = builder.makeStructType(
        std::vector<spv::Id>(state_->options.push_constant_words, builder.makeUintType(64)), "PushConstants");
    builder.addDecoration(type, spv::DecorationBlock);
    for (std::uint32_t i = 0; i < state_->options.push_constant_words; ++i) {
      builder.addMemberDecoration(type, i, spv::DecorationOffset, static_cast<int>(8 * i));
    }
    state_->push_constants = builder.createVariable(spv::NoPrecision, spv::StorageClassPushConstant, type);
    state_->entry_point->addIdOperand(state_->push_constants);
  }
  const spv::Id pointer = state_->access_chain(spv::StorageClassPushConstant, Kind::i64, state_->push_constants,
                                               state_->constant(Kind::i32, word));
  return {builder.createLoad(pointer, spv::NoPrecision), Kind::i64};
}

Value Module::workgroup_index(int axis) {
  return {state_->builder.createCompositeExtract(state_->built_in(spv::BuiltInWorkgroupId, true),
                                                 state_->type(Kind::i32), static_cast<unsigned>(axis)),
          Kind::i32};
}

Value Module::workgroup_count(int axis) {
  return {state_->builder.createCompositeExtract(state_->built_in(spv::BuiltInNumWorkgroups, true),
                                                 state_->type(Kind::i32), static_cast<unsigned>(axis)),
          Kind::i32};
}

Value Module::local_index() {
  return {state_->built_in(spv::BuiltInLocalInvocationIndex, false), Kind::i32};
}

spv::Id Module::State::access_chain(spv::StorageClass storage, Kind element, spv::Id base, spv::Id index) {
  // Builder::createAccessChain takes its type from hidden state; this one is told.
  const spv::Id pointer_type = builder.makePointer(storage, type(element));
  return builder.createOp(spv::OpAccessChain, pointer_type, std::vector<spv::Id>{base, index});
}

spv::Id Module::State::pointer(Kind kind, Value address) {
  if (address.kind != Kind::i64) throw InternalError("spirv module: an address is an i64");
  if (kind == Kind::boolean) throw InternalError("spirv module: a boolean has no place in memory");
  if (kind == Kind::i8) builder.addCapability(spv::CapabilityStorageBuffer8BitAccess);
  if (kind == Kind::i16) builder.addCapability(spv::CapabilityStorageBuffer16BitAccess);
  const spv::Id pointer_type = builder.makePointer(spv::StorageClassPhysicalStorageBufferEXT, type(kind));
  return builder.createUnaryOp(spv::OpConvertUToPtr, pointer_type, address.id);
}

Value Module::load(Kind kind, Value address, Sharing sharing) {
  const spv::Id pointer = state_->pointer(kind, address);
  return {state_->builder.createLoad(pointer, spv::NoPrecision, access(sharing), spv::ScopeMax,
                                     static_cast<unsigned>(kind_bytes(kind))),
          kind};
}

void Module::store(Value value, Value address, Sharing sharing) {
  const spv::Id pointer = state_->pointer(value.kind, address);
  state_->builder.createStore(value.id, pointer, access(sharing), spv::ScopeMax,
                              static_cast<unsigned>(kind_bytes(value.kind)));
}

void Module::atomic_add(Value address, Value value) {
  state_->expect(value.kind == Kind::i32, "atomic_add", address, value);
  const spv::Id pointer = state_->pointer(Kind::i32, address);
  const spv::Id scope = state_->constant(Kind::i32, spv::ScopeQueueFamilyKHR);
  const spv::Id relaxed = state_->constant(Kind::i32, spv::MemorySemanticsMaskNone);
  state_->builder.createOp(spv::OpAtomicIAdd, state_->type(Kind::i32),
                           std::vector<spv::Id>{pointer, scope, relaxed, value.id});
}

Variable Module::variable(Kind kind, std::string_view name) {
  const std::string text(name);
  return {state_->builder.createVariable(spv::NoPrecision, spv::StorageClassFunction, state_->type(kind),
                                         text.empty() ? nullptr : text.c_str()),
          kind};
}

Variable Module::variable(Value initial, std::string_view name) {
  const Variable result = variable(initial.kind, name);
  write(result, initial);
  return result;
}

Value Module::read(Variable variable) {
  return {state_->builder.createLoad(variable.id, spv::NoPrecision), variable.kind};
}

void Module::write(Variable variable, Value value) {
  if (variable.kind != value.kind) {
    throw InternalError(
        fmt::format("spirv module: a variable of {} cannot hold {}", name(variable.kind), name(value.kind)));
  }
  state_->builder.createStore(value.id, variable.id);
}

LocalArray Module::private_array(Kind kind, std::int64_t length) {
  const spv::Id type = state_->builder.makeArrayType(
      state_->type(kind), state_->constant(Kind::i32, static_cast<std::uint64_t>(length)), 0);
  return {state_->builder.createVariable(spv::NoPrecision, spv::StorageClassFunction, type), kind, length, false};
}

LocalArray Module::shared_array(Kind kind, std::int64_t length) {
  const spv::Id type = state_->builder.makeArrayType(
      state_->type(kind), state_->constant(Kind::i32, static_cast<std::uint64_t>(length)), 0);
  const spv::Id id = state_->builder.createVariable(spv::NoPrecision, spv::StorageClassWorkgroup, type);
  state_->entry_point->addIdOperand(id);
  return {id, kind, length, true};
}

spv::Id Module::State::element(const LocalArray& array, Value index) {
  if (!is_integer(index.kind)) throw InternalError("spirv module: an index is an integer");
  return access_chain(array.shared ? spv::StorageClassWorkgroup : spv::StorageClassFunction, array.kind, array.id,
                      index.id);
}

Value Module::read(const LocalArray& array, Value index) {
  return {state_->builder.createLoad(state_->element(array, index), spv::NoPrecision,
                                     array.shared ? nonprivate : spv::MemoryAccessMaskNone),
          array.kind};
}

void Module::write(const LocalArray& array, Value index, Value value) {
  if (array.kind != value.kind) throw InternalError("spirv module: an array's element has another kind");
  state_->builder.createStore(value.id, state_->element(array, index),
                              array.shared ? nonprivate : spv::MemoryAccessMaskNone);
}

void Module::if_then(Value condition, const Emit& then) {
  state_->expect(condition.kind == Kind::boolean, "if", condition, condition);
  spv::Builder::If block(condition.id, spv::SelectionControlMaskNone, state_->builder);
  then();
  block.makeEndIf();
}

void Module::if_then_else(Value condition, const Emit& then, const Emit& otherwise) {
  state_->expect(condition.kind == Kind::boolean, "if", condition, condition);
  spv::Builder::If block(condition.id, spv::SelectionControlMaskNone, state_->builder);
  then();
  block.makeBeginElse();
  otherwise();
  block.makeEndIf();
}

void Module::State::loop(const std::function<Value()>& condition, const Emit& body, const Emit& advance) {
  auto& blocks = builder.makeNewLoop();
  builder.createBranch(&blocks.head);
  builder.setBuildPoint(&blocks.head);
  builder.createLoopMerge(&blocks.merge, &blocks.continue_target, spv::LoopControlMaskNone, {});
  spv::Block& test = builder.makeNewBlock();
  builder.createBranch(&test);
  builder.setBuildPoint(&test);
  builder.createConditionalBranch(condition().id, &blocks.body, &blocks.merge);
  builder.setBuildPoint(&blocks.body);
  body();
  builder.createBranch(&blocks.continue_target);
  builder.setBuildPoint(&blocks.continue_target);
  advance();
  builder.createBranch(&blocks.head);
  builder.setBuildPoint(&blocks.merge);
  builder.closeLoop();
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
  const auto spirv_scope = scope == BarrierScope::workgroup ? spv::ScopeWorkgroup : spv::ScopeSubgroup;
  const auto semantics = static_cast<spv::MemorySemanticsMask>(
      spv::MemorySemanticsAcquireReleaseMask | spv::MemorySemanticsUniformMemoryMask |
      spv::MemorySemanticsWorkgroupMemoryMask | spv::MemorySemanticsMakeAvailableKHRMask |
      spv::MemorySemanticsMakeVisibleKHRMask);
  state_->builder.createControlBarrier(spirv_scope, spirv_scope, semantics);
}

Value Module::any_in_subgroup(Value condition) {
  state_->expect(condition.kind == Kind::boolean, "any_in_subgroup", condition, condition);
  state_->builder.addCapability(spv::CapabilityGroupNonUniformVote);
  const std::vector<spv::Id> operands{state_->constant(Kind::i32, spv::ScopeSubgroup), condition.id};
  return {state_->builder.createOp(spv::OpGroupNonUniformAny, state_->type(Kind::boolean), operands), Kind::boolean};
}

Function Module::function(std::string_view name, std::vector<Kind> parameters, Kind result,
                          const std::function<Value(std::span<const Value>)>& body) {
  auto& builder = state_->builder;
  spv::Block* const outer = builder.getBuildPoint();
  std::vector<spv::Id> parameter_types;
  for (const Kind kind : parameters) parameter_types.push_back(state_->type(kind));
  spv::Block* entry = nullptr;
  spv::Function* const made =
      function_entry(builder, state_->type(result), std::string(name).c_str(), parameter_types, &entry);
  std::vector<Value> arguments;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    arguments.push_back({made->getParamId(static_cast<int>(i)), parameters[i]});
  }
  const Value value = body(arguments);
  state_->expect(value.kind == result, "a function's result", value, {0, result});
  builder.makeReturn(true, value.id);
  builder.setBuildPoint(outer);
  state_->functions.emplace(made->getId(), made);
  return {made->getId(), std::move(parameters), result};
}

Value Module::call(const Function& function, std::span<const Value> arguments) {
  if (arguments.size() != function.parameters.size()) throw InternalError("spirv module: wrong number of arguments");
  std::vector<spv::Id> ids;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    state_->expect(arguments[i].kind == function.parameters[i], "a call", arguments[i], {0, function.parameters[i]});
    ids.push_back(arguments[i].id);
  }
  return {state_->builder.createFunctionCall(state_->functions.at(function.id), ids), function.result};
}

}  // namespace jaxc::spirv
