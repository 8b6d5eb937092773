// Emits blocks: nests, reshapes, branches and routines in order.
#include "backends/llvm/program.h"

#include <fmt/format.h>

#include <algorithm>

#include "backends/llvm/jit.h"
#include "backends/llvm/nest.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

using llvm::Value;

namespace {

/// Operations of a nest's body that is emitted twice, to store past the caches or not.
constexpr std::size_t short_body = 16;

}  // namespace

llvm::Function* ProgramEmitter::begin_function(const char* name, llvm::GlobalValue::LinkageTypes linkage,
                                               llvm::ArrayRef<llvm::Type*> more) {
  llvm::IRBuilder<>& builder = code_.builder;
  llvm::Type* pointer = builder.getPtrTy();
  std::vector<llvm::Type*> parameters(entry_parameters, pointer);
  parameters.insert(parameters.end(), more.begin(), more.end());
  auto* type = llvm::FunctionType::get(builder.getVoidTy(), parameters, false);
  llvm::Function* function = llvm::Function::Create(type, linkage, name, code_.module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  function->addFnAttr("prefer-vector-width", std::to_string(code_.vector_bits));
  function->addFnAttr("min-legal-vector-width", std::to_string(code_.vector_bits));
  for (unsigned k = 0; k < entry_parameters; ++k) {
    function->addParamAttr(k, llvm::Attribute::NoAlias);
    function->addParamAttr(k, llvm::Attribute::NoCapture);
  }
  builder.SetInsertPoint(llvm::BasicBlock::Create(code_.context, "entry", function));
  if (code_.lines) code_.lines->begin(*function, builder);
  return function;
}

Values ProgramEmitter::entry_arguments(llvm::Function* function) {
  Values arguments;
  for (unsigned k = 0; k < entry_parameters; ++k) arguments.push_back(function->getArg(k));
  return arguments;
}

void ProgramEmitter::emit() {
  llvm::IRBuilder<>& builder = code_.builder;
  const std::vector<ir::Node>& nodes = code_.program.body.nodes;
  const auto run = [&](llvm::Function* function, std::size_t begin, std::size_t end) {
    code_.entry = function;
    code_.harmless = nullptr;
    arrays_.bind(function->getArg(0), function->getArg(1), function->getArg(2), function->getArg(3),
                 buffers_of(std::span(nodes).subspan(begin, end - begin)));
    for (std::size_t k = begin; k < end; ++k) node(nodes[k]);
    builder.CreateRetVoid();
  };
  if (code_.plan.cuts.empty()) return run(begin_function(entry_name, llvm::Function::ExternalLinkage), 0, nodes.size());
  std::vector<std::size_t> ends = code_.plan.cuts;
  ends.push_back(nodes.size());
  std::vector<llvm::Function*> functions;
  std::size_t begin = 0;
  for (std::size_t end : ends) {
    functions.push_back(begin_function("part", llvm::Function::InternalLinkage));
    run(functions.back(), begin, end);
    begin = end;
  }
  llvm::Function* entry = begin_function(entry_name, llvm::Function::ExternalLinkage);
  for (llvm::Function* function : functions) builder.CreateCall(function, entry_arguments(entry));
  builder.CreateRetVoid();
}

std::vector<ir::BufferId> ProgramEmitter::buffers_of(std::span<const ir::Node> nodes) const {
  std::vector<ir::BufferId> buffers;
  const auto touch = [&](ir::ArrayId array) { buffers.push_back(code_.plan.placements[array].buffer); };
  const auto visit = [&](const ir::Node& node) {
    for (ir::ArrayId array : ir::arrays_assigned(node)) touch(array);
    if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      touch(loop->position);
      for (const ir::Carry& carry : loop->carries) touch(carry.argument);
      for (const ir::StackedInput& input : loop->inputs) touch(input.argument);
    }
  };
  for (const ir::Node& node : nodes) {
    for (ir::ArrayId array : ir::arrays_read(node)) touch(array);
    ir::visit_nodes(node, visit);
  }
  std::sort(buffers.begin(), buffers.end());
  buffers.erase(std::unique(buffers.begin(), buffers.end()), buffers.end());
  return buffers;
}

void ProgramEmitter::block(const ir::Block& block) {
  for (const ir::Node& node : block.nodes) this->node(node);
}

void ProgramEmitter::node(const ir::Node& node) {
  const llvm::DebugLoc around = code_.builder.getCurrentDebugLocation();
  if (code_.lines) code_.lines->set(node.location, code_.builder);
  const int entered = std::holds_alternative<ir::Routine>(node.kind) ? 1 : 0;
  Value* started = is_timed(node) ? code_.profile->start(code_.builder) : nullptr;
  routines_ += entered;
  if (const auto* nest = std::get_if<ir::Nest>(&node.kind))
    this->nest(node, *nest);
  else if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind))
    mover_.reshape(reshape->source, reshape->result);
  else if (const auto* loop = std::get_if<ir::Loop>(&node.kind))
    this->loop(node, *loop);
  else if (const auto* branch = std::get_if<ir::Branch>(&node.kind))
    this->branch(*branch);
  else
    routine(node, std::get<ir::Routine>(node.kind));
  routines_ -= entered;
  if (started != nullptr) code_.profile->stop(node.id, started, code_.builder);
  code_.builder.SetCurrentDebugLocation(around);
}

bool ProgramEmitter::is_timed(const ir::Node& node) const {
  if (!code_.profile || routines_ > 0 || parts_ > 0) return false;
  const auto loop = code_.plan.loops.find(node.id);
  if (loop != code_.plan.loops.end()) return !loop->second.unrolled;
  return depth_ == 0 || std::holds_alternative<ir::Routine>(node.kind);
}

void ProgramEmitter::nest(const ir::Node& node, const ir::Nest& nest) {
  const auto plan = code_.plan.nests.find(node.id);
  if (plan == code_.plan.nests.end()) throw InternalError(fmt::format("cpu: nest {} has no plan", node.id));
  if (plan->second.product) return product(*plan->second.product);
  for (const ir::NestOutput& output : nest.outputs)
    if (output.base) mover_.move(*output.base, output.result);
  if (!plan->second.split) return nest_points(nest, plan->second, std::nullopt);
  const auto axis = static_cast<std::size_t>(plan->second.split->axis);
  std::vector<ir::ArrayId> arrays = ir::arrays_read(node);
  const std::vector<ir::ArrayId> assigned = ir::arrays_assigned(node);
  arrays.insert(arrays.end(), assigned.begin(), assigned.end());
  const auto run = [&](std::int64_t count, Value* begin) {
    ir::Nest part = nest;
    part.axes[axis].extent = count;
    nest_points(part, plan->second, AxisPart{axis, begin});
  };
  in_runs(nest.axes[axis].extent, plan->second.split->positions, std::move(arrays), run);
}

void ProgramEmitter::nest_points(const ir::Nest& nest, const ir::NestPlan& plan, std::optional<AxisPart> part) {
  const auto emit = [&] { NestEmitter(code_, arrays_, nest, plan, part).emit(); };
  if (!streams(nest)) return emit();
  const ir::ArrayId result = nest.outputs[0].result;
  // A short body is worth a copy without the question, which is nothing beside a long one.
  const bool is_short = nest.body.ops.size() <= short_body &&
                        std::none_of(nest.body.ops.begin(), nest.body.ops.end(), [](const auto& op) {
                          return op.opcode == ir::Opcode::call || !op.regions.empty();
                        });
  if (!is_short) {
    arrays_.streamed_if_aligned = result;
    emit();
    arrays_.streamed_if_aligned = std::nullopt;
    if (depth_ == 0 || part) arrays_.finish_streams();
    return;
  }
  Value* aligned = arrays_.aligned_buffer(result);
  Values none;
  code_.when(aligned, none, [&] {
    arrays_.streamed = result;
    emit();
    arrays_.streamed = std::nullopt;
    if (depth_ == 0 || part) arrays_.finish_streams();
  });
  code_.when(code_.builder.CreateNot(aligned), none, emit);
}

bool ProgramEmitter::streams(const ir::Nest& nest) const {
  // Loops in lanes choose at each store.
  return !nest.reduction && nest.outputs.size() == 1 && !nest.outputs[0].base && arrays_.loop_lanes == nullptr &&
         arrays_.is_streamed(nest.outputs[0].result);
}

void ProgramEmitter::branch(const ir::Branch& branch) {
  llvm::IRBuilder<>& builder = code_.builder;
  Value* index = arrays_.load_scalar(branch.index);
  if (is_vector(index)) throw InternalError("cpu: a branch whose index differs between lanes");
  const auto last = static_cast<std::int64_t>(branch.blocks.size()) - 1;
  index = builder.CreateBinaryIntrinsic(llvm::Intrinsic::smax, index, llvm::ConstantInt::get(index->getType(), 0));
  index = builder.CreateBinaryIntrinsic(llvm::Intrinsic::smin, index,
                                        llvm::ConstantInt::get(index->getType(), static_cast<std::uint64_t>(last)));
  std::vector<llvm::BasicBlock*> starts;
  for (std::size_t k = 0; k < branch.blocks.size(); ++k) starts.push_back(code_.new_block("branch"));
  llvm::BasicBlock* after = code_.new_block("join");
  llvm::SwitchInst* choice = builder.CreateSwitch(index, starts.back());
  for (std::size_t k = 0; k + 1 < starts.size(); ++k)
    choice->addCase(llvm::cast<llvm::ConstantInt>(llvm::ConstantInt::get(index->getType(), k)), starts[k]);
  std::vector<llvm::BasicBlock*> ends;
  std::vector<Values> yielded;
  for (std::size_t k = 0; k < branch.blocks.size(); ++k) {
    builder.SetInsertPoint(starts[k]);
    block(branch.blocks[k]);
    std::vector<Mover::Move> moves;
    for (std::size_t r = 0; r < branch.results.size(); ++r)
      moves.push_back({branch.blocks[k].results[r], branch.results[r]});
    mover_.move_all(moves);
    Values values;
    for (ir::ArrayId result : branch.results)
      if (arrays_.in_registers(result)) values.append(forms_.flatten(result, forms_.form(result)));
    yielded.push_back(std::move(values));
    ends.push_back(builder.GetInsertBlock());
    builder.CreateBr(after);
  }
  builder.SetInsertPoint(after);
  Values merged;
  for (std::size_t v = 0; v < yielded[0].size(); ++v) {
    llvm::PHINode* phi = builder.CreatePHI(yielded[0][v]->getType(), static_cast<unsigned>(ends.size()));
    for (std::size_t k = 0; k < ends.size(); ++k) phi->addIncoming(yielded[k][v], ends[k]);
    merged.push_back(phi);
  }
  llvm::ArrayRef<Value*> rest(merged);
  for (ir::ArrayId result : branch.results) {
    if (!arrays_.in_registers(result)) continue;
    const RegisterForm& form = forms_.form(result);
    forms_.unflatten(result, form, rest.take_front(form.size()));
    rest = rest.drop_front(form.size());
  }
}

}  // namespace jaxc::cpu
