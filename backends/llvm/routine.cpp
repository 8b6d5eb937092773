// Emits routines: their expansion, or the call of the library that the plan chooses.
#include <fmt/format.h>

#include <algorithm>

#include "backends/llvm/program.h"
#include "backends/llvm/runtime/entries.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

using llvm::Value;

namespace {

/// A request of the runtime, whose fields are all i64.
template <typename Request>
llvm::ArrayRef<std::uint64_t> words(const Request& request) {
  static_assert(sizeof(Request) % sizeof(std::uint64_t) == 0);
  return {reinterpret_cast<const std::uint64_t*>(&request), sizeof(Request) / sizeof(std::uint64_t)};
}

}  // namespace

void ProgramEmitter::routine(const ir::Node& node, const ir::Routine& routine) {
  const auto found = code_.plan.routines.find(node.id);
  if (found == code_.plan.routines.end() || found->second.path == ir::RoutinePath::expansion)
    return block(routine.expansion);
  if (!routine.ordering || !sorts(routine.ordering->key))
    throw InternalError(fmt::format("cpu: no library stands in for {}", routine.name));
  sort(routine, found->second);
}

void ProgramEmitter::sort(const ir::Routine& routine, const ir::RoutinePlan& plan) {
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

  Value* null = llvm::ConstantPointerNull::get(code_.builder.getPtrTy());
  Value* values = ordering.result == Result::positions ? null : arrays_.dense_pointer(routine.outputs[0]);
  Value* positions = ordering.result == Result::values ? null : arrays_.dense_pointer(routine.outputs.back());
  call_library("jaxc_sort", words(request),
               {arrays_.dense_pointer(routine.inputs[0]), values, positions, library_memory(plan.workspace)});
}

void ProgramEmitter::product(const ir::ProductPlan& plan) {
  const auto axis = [](const ir::ProductPlan::Axis& from) {
    return ProductRequest::Axis{from.extent, from.left, from.right, from.result};
  };
  ProductRequest request{};
  request.dtype = static_cast<std::int64_t>(plan.dtype);
  request.bytes = plan.bytes;
  request.left_offset = plan.offsets[0];
  request.right_offset = plan.offsets[1];
  request.result_offset = plan.offsets[2];
  std::transform(plan.axes.begin(), plan.axes.end(), request.axes.begin(), axis);
  std::transform(plan.batch.begin(), plan.batch.end(), request.batch.begin(), axis);
  call_library("jaxc_product", words(request),
               {arrays_.dense_pointer(plan.left), arrays_.dense_pointer(plan.right), arrays_.dense_pointer(plan.result),
                library_memory(plan.workspace)});
}

Value* ProgramEmitter::library_memory(std::int64_t workspace) {
  return code_.builder.CreateConstGEP1_64(code_.builder.getInt8Ty(), code_.entry->getArg(3),
                                          static_cast<std::uint64_t>(workspace));
}

void ProgramEmitter::call_library(const char* entry, llvm::ArrayRef<std::uint64_t> request,
                                  llvm::ArrayRef<Value*> pointers) {
  llvm::IRBuilder<>& builder = code_.builder;
  llvm::Constant* fields = llvm::ConstantDataArray::get(code_.context, request);
  Values arguments{new llvm::GlobalVariable(code_.module, fields->getType(), true, llvm::GlobalValue::PrivateLinkage,
                                            fields, "request")};
  arguments.append(pointers.begin(), pointers.end());
  arguments.push_back(code_.entry->getArg(4));
  const std::vector<llvm::Type*> parameters(arguments.size(), builder.getPtrTy());
  auto* type = llvm::FunctionType::get(builder.getVoidTy(), parameters, false);
  llvm::CallInst* call = builder.CreateCall(code_.module.getOrInsertFunction(entry, type), arguments);
  for (unsigned k = 0; k < arguments.size(); ++k) call->addParamAttr(k, llvm::Attribute::NoCapture);
}

}  // namespace jaxc::cpu
