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
  if (ir::runs_expansion(code_.plan, node.id)) return block(routine.expansion);
  const ir::RoutinePlan& plan = code_.plan.routines.at(node.id);
  if (plan.path == ir::RoutinePath::prefix) return prefix(routine, plan);
  if (routine.matrix) return matrix(routine, plan);
  if (!routine.ordering || !sorts(routine.ordering->key))
    throw InternalError(fmt::format("cpu: no library stands in for {}", routine.name));
  sort(routine, plan);
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
  static_assert(ProductRequest::most_axes == ir::ProductPlan::most_axes);
  static_assert(ProductRequest::most_bounds == ir::ProductPlan::most_bounds);
  const auto count = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
  for (const ir::ProductPlan::Piece& piece : plan.pieces) {
    ProductRequest request{};
    request.dtype = static_cast<std::int64_t>(plan.dtype);
    request.left_offset = piece.offsets[0];
    request.right_offset = piece.offsets[1];
    request.result_offset = piece.offsets[2];
    request.left_part = plan.parts[0];
    request.right_part = plan.parts[1];
    request.result_part = plan.parts[2];
    request.rows = count(piece.rows);
    request.columns = count(piece.columns);
    request.folded = count(piece.folded);
    request.batch = count(piece.batch);
    request.bounds = count(piece.bounds);
    request.bounds_right = plan.bounds_right ? 1 : 0;
    for (std::size_t k = 0; k < piece.bounds.size(); ++k) {
      request.origin[k] = piece.bounds[k].origin;
      request.limits[k] = piece.bounds[k].limit;
    }
    request.runs = plan.runs;
    request.run_bytes = plan.bytes;
    auto place = request.axes.begin();
    for (const auto* axes : {&piece.rows, &piece.columns, &piece.folded, &piece.batch})
      for (const ir::ProductPlan::Axis& axis : *axes)
        *place++ = {axis.extent, axis.left, axis.right, axis.result, axis.coordinates};
    call_library("jaxc_product", words(request),
                 {arrays_.dense_pointer(plan.left), arrays_.dense_pointer(plan.right),
                  arrays_.dense_pointer(plan.result), library_memory(plan.workspace)});
  }
}

void ProgramEmitter::matrix(const ir::Routine& routine, const ir::RoutinePlan& plan) {
  const ir::MatrixRoutine& known = *routine.matrix;
  using Kind = ir::MatrixRoutine::Kind;
  const auto extents = [&](ir::ArrayId array) {
    Shape shape = arrays_.info(array).shape;
    if (is_complex(known.dtype)) shape.pop_back();
    return shape;
  };
  const Shape shape = extents(routine.inputs[0]);
  const std::size_t rank = shape.size();
  MatrixRequest request{};
  request.kind = static_cast<std::int64_t>(known.kind);
  request.dtype = static_cast<std::int64_t>(known.dtype);
  request.lower = known.lower ? 1 : 0;
  request.left = known.left ? 1 : 0;
  request.transpose = known.transpose ? 1 : 0;
  request.conjugate = known.conjugate ? 1 : 0;
  request.unit = known.unit ? 1 : 0;
  request.first = known.first;
  request.rows = shape[rank - 2];
  request.columns = shape[rank - 1];
  request.items = element_count(shape) / (request.rows * request.columns);
  const Shape result = known.kind == Kind::svd ? Shape{} : extents(routine.outputs[0]);
  if (result.size() == rank) {
    request.result_rows = result[rank - 2];
    request.result_columns = result[rank - 1];
  }
  if (known.kind == Kind::householder_product) request.count = extents(routine.inputs[1]).back();
  if (known.kind == Kind::eigh) request.count = arrays_.info(routine.outputs[1]).shape.back();
  if (known.kind == Kind::svd) {
    request.count = arrays_.info(routine.outputs[0]).shape.back();
    if (routine.outputs.size() > 1) {
      request.result_columns = extents(routine.outputs[1]).back();
      request.result_rows = extents(routine.outputs[2])[rank - 2];
    }
  }
  request.parts = plan.parts;
  request.part_bytes = plan.part_bytes;
  const auto item_bytes = [&](ir::ArrayId array) {
    const ir::ProgramArray& info = arrays_.info(array);
    return element_count(info.shape) / request.items * static_cast<std::int64_t>(element_bytes(info.dtype));
  };
  std::transform(routine.inputs.begin(), routine.inputs.end(), request.input_bytes.begin(), item_bytes);
  std::transform(routine.outputs.begin(), routine.outputs.end(), request.output_bytes.begin(), item_bytes);
  Values pointers;
  Value* null = llvm::ConstantPointerNull::get(code_.builder.getPtrTy());
  for (std::size_t k = 0; k < request.input_bytes.size(); ++k)
    pointers.push_back(k < routine.inputs.size() ? arrays_.dense_pointer(routine.inputs[k]) : null);
  for (std::size_t k = 0; k < request.output_bytes.size(); ++k)
    pointers.push_back(k < routine.outputs.size() ? arrays_.dense_pointer(routine.outputs[k]) : null);
  pointers.push_back(library_memory(plan.workspace));
  call_library("jaxc_matrix", words(request), pointers);
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
