// Emits routines: their expansion, or the call of the library that the plan chooses.
#include <fmt/format.h>

#include <array>

#include "backends/llvm/program.h"
#include "backends/llvm/runtime/entries.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

using llvm::Value;

void ProgramEmitter::routine(const ir::Node& node, const ir::Routine& routine) {
  const auto found = code_.plan.routines.find(node.id);
  if (found == code_.plan.routines.end() || found->second.path == ir::RoutinePath::expansion)
    return block(routine.expansion);
  if (!routine.ordering || !sorts(routine.ordering->key))
    throw InternalError(fmt::format("cpu: no library stands in for {}", routine.name));
  sort(routine, found->second);
}

void ProgramEmitter::sort(const ir::Routine& routine, const ir::RoutinePlan& plan) {
  llvm::IRBuilder<>& builder = code_.builder;
  const ir::Ordering& ordering = *routine.ordering;
  using Result = ir::Ordering::Result;
  const auto dimension = static_cast<std::size_t>(ordering.dimension);
  const ir::ProgramArray& input = arrays_.info(routine.inputs[0]);
  SortRequest request{};
  request.outer = 1;
  request.inner = 1;
  for (std::size_t k = 0; k < input.shape.size(); ++k)
    if (k != dimension) (k < dimension ? request.outer : request.inner) *= input.shape[k];
  request.extent = input.shape[dimension];
  request.count = request.extent;
  if (ordering.result == Result::largest) request.count = arrays_.info(routine.outputs[0]).shape[dimension];
  request.key = static_cast<std::int64_t>(ordering.key);
  request.result = static_cast<std::int64_t>(ordering.result);
  if (ordering.result != Result::values)
    request.index_bytes = static_cast<std::int64_t>(element_bytes(arrays_.info(routine.outputs.back()).dtype));
  request.parts = plan.parts;
  request.part_bytes = plan.part_bytes;

  llvm::Constant* fields = llvm::ConstantDataArray::get(
      code_.context, llvm::ArrayRef(reinterpret_cast<const std::uint64_t*>(&request), sort_request_fields));
  auto* global = new llvm::GlobalVariable(code_.module, fields->getType(), true, llvm::GlobalValue::PrivateLinkage,
                                          fields, "request");
  Value* null = llvm::ConstantPointerNull::get(builder.getPtrTy());
  Value* values = ordering.result == Result::positions ? null : arrays_.dense_pointer(routine.outputs[0]);
  Value* positions = ordering.result == Result::values ? null : arrays_.dense_pointer(routine.outputs.back());
  Value* workspace = builder.CreateConstGEP1_64(builder.getInt8Ty(), code_.entry->getArg(3),
                                                static_cast<std::uint64_t>(plan.workspace));
  const std::array<Value*, 6> arguments = {
      global, arrays_.dense_pointer(routine.inputs[0]), values, positions, workspace, code_.entry->getArg(4)};
  const std::vector<llvm::Type*> parameters(arguments.size(), builder.getPtrTy());
  auto* type = llvm::FunctionType::get(builder.getVoidTy(), parameters, false);
  llvm::CallInst* call = builder.CreateCall(code_.module.getOrInsertFunction("jaxc_sort", type), arguments);
  for (unsigned k = 0; k < arguments.size(); ++k) call->addParamAttr(k, llvm::Attribute::NoCapture);
}

}  // namespace jaxc::cpu
