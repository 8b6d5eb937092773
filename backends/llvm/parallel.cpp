// Emits work that threads share out: functions of their own, called by the runtime once for each part.
#include "backends/llvm/program.h"

namespace jaxc::cpu {

using llvm::Value;

void ProgramEmitter::in_parts(std::int64_t count, llvm::function_ref<void(Value*)> body) {
  llvm::IRBuilder<>& builder = code_.builder;
  llvm::Function* const outside = code_.entry;
  llvm::Function* function = nullptr;
  {
    const llvm::DebugLoc location = builder.getCurrentDebugLocation();
    const llvm::IRBuilderBase::InsertPointGuard guard(builder);
    Value* const harmless = code_.harmless;
    Arrays::Bindings bindings = arrays_.bindings();
    function = begin_function("parallel", llvm::GlobalValue::InternalLinkage, builder.getInt64Ty());
    if (code_.lines && location) code_.lines->set({location.getLine(), location.getCol()}, builder);
    code_.entry = function;
    code_.harmless = nullptr;
    arrays_.bind(function->getArg(0), function->getArg(1), function->getArg(2), function->getArg(3));
    ++parts_;
    body(function->getArg(entry_parameters));
    --parts_;
    builder.CreateRetVoid();
    arrays_.restore(std::move(bindings));
    code_.harmless = harmless;
    code_.entry = outside;
  }
  Values arguments{function, code_.integer(count)};
  arguments.append(entry_arguments(outside));
  std::vector<llvm::Type*> parameters;
  for (const Value* argument : arguments) parameters.push_back(argument->getType());
  auto* type = llvm::FunctionType::get(builder.getVoidTy(), parameters, false);
  llvm::CallInst* call = builder.CreateCall(code_.module.getOrInsertFunction("jaxc_parallel", type), arguments);
  for (unsigned k = 0; k < arguments.size(); ++k)
    if (parameters[k]->isPointerTy()) call->addParamAttr(k, llvm::Attribute::NoCapture);
}

void ProgramEmitter::in_runs(std::int64_t extent, std::int64_t length,
                             llvm::function_ref<void(std::int64_t, Value*)> body) {
  const std::int64_t full = extent / length;
  const std::int64_t rest = extent % length;
  in_parts(full + (rest > 0 ? 1 : 0), [&](Value* part) {
    Value* begin = code_.builder.CreateMul(part, code_.integer(length));
    if (rest == 0) return body(length, begin);
    Value* is_full = code_.builder.CreateICmpSLT(part, code_.integer(full));
    Values none;
    code_.when(is_full, none, [&] { body(length, begin); });
    code_.when(code_.builder.CreateNot(is_full), none, [&] { body(rest, code_.integer(full * length)); });
  });
}

}  // namespace jaxc::cpu
