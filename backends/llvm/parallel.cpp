// Emits work that threads share out: functions of their own, called by the runtime once for each part.
#include "backends/llvm/program.h"

namespace jaxc::cpu {

using llvm::Value;

void ProgramEmitter::in_parts(std::int64_t count, std::vector<ir::ArrayId> arrays,
                              llvm::function_ref<void(Value*)> body) {
  llvm::IRBuilder<>& builder = code_.builder;
  llvm::Function* const outside = code_.entry;
  const Arrays::Surroundings around = depth_ > 0 ? arrays_.surroundings(std::move(arrays)) : Arrays::Surroundings{};
  std::vector<llvm::Type*> fields;
  for (const Value* value : around.values) fields.push_back(value->getType());
  llvm::StructType* type = llvm::StructType::get(code_.context, fields);
  llvm::Function* function = nullptr;
  {
    const llvm::DebugLoc location = builder.getCurrentDebugLocation();
    const llvm::IRBuilderBase::InsertPointGuard guard(builder);
    Value* const harmless = code_.harmless;
    Arrays::Bindings bindings = arrays_.bindings();
    function =
        begin_function("parallel", llvm::GlobalValue::InternalLinkage, {builder.getPtrTy(), builder.getInt64Ty()});
    if (code_.lines && location) code_.lines->set({location.getLine(), location.getCol()}, builder);
    code_.entry = function;
    code_.harmless = nullptr;
    arrays_.bind(function->getArg(0), function->getArg(1), function->getArg(2), function->getArg(3), bindings.buffers);
    if (!fields.empty()) {
      Values values;
      for (unsigned k = 0; k < fields.size(); ++k)
        values.push_back(
            builder.CreateLoad(fields[k], builder.CreateStructGEP(type, function->getArg(entry_parameters), k)));
      arrays_.enter(around, values);
    }
    ++parts_;
    body(function->getArg(entry_parameters + 1));
    --parts_;
    builder.CreateRetVoid();
    arrays_.restore(std::move(bindings));
    code_.harmless = harmless;
    code_.entry = outside;
  }
  Value* step = llvm::ConstantPointerNull::get(builder.getPtrTy());
  if (!fields.empty()) {
    step = code_.frame_memory(static_cast<std::int64_t>(code_.module.getDataLayout().getTypeAllocSize(type)));
    for (unsigned k = 0; k < fields.size(); ++k)
      builder.CreateStore(around.values[k], builder.CreateStructGEP(type, step, k));
  }
  Values arguments{function, code_.integer(count)};
  arguments.append(entry_arguments(outside));
  arguments.push_back(step);
  std::vector<llvm::Type*> parameters;
  for (const Value* argument : arguments) parameters.push_back(argument->getType());
  auto* runtime_type = llvm::FunctionType::get(builder.getVoidTy(), parameters, false);
  llvm::CallInst* call = builder.CreateCall(code_.module.getOrInsertFunction("jaxc_parallel", runtime_type), arguments);
  for (unsigned k = 0; k < arguments.size(); ++k)
    if (parameters[k]->isPointerTy()) call->addParamAttr(k, llvm::Attribute::NoCapture);
}

void ProgramEmitter::in_runs(std::int64_t extent, std::int64_t length, std::vector<ir::ArrayId> arrays,
                             llvm::function_ref<void(std::int64_t, Value*)> body) {
  const std::int64_t full = extent / length;
  const std::int64_t rest = extent % length;
  in_parts(full + (rest > 0 ? 1 : 0), std::move(arrays), [&](Value* part) {
    Value* begin = code_.builder.CreateMul(part, code_.integer(length));
    if (rest == 0) return body(length, begin);
    Value* is_full = code_.builder.CreateICmpSLT(part, code_.integer(full));
    Values none;
    code_.when(is_full, none, [&] { body(length, begin); });
    code_.when(code_.builder.CreateNot(is_full), none, [&] { body(rest, code_.integer(full * length)); });
  });
}

}  // namespace jaxc::cpu
