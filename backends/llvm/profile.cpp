// Emits reads of the processor's cycle counter and additions to a table.
#include "backends/llvm/profile.h"

namespace jaxc::cpu {

Profile::Profile(llvm::Module& module, ir::NodeId nodes) {
  auto* type = llvm::ArrayType::get(llvm::Type::getInt64Ty(module.getContext()), 2 * (std::uint64_t{nodes} + 1));
  table_ = new llvm::GlobalVariable(module, type, /*isConstant=*/false, llvm::GlobalValue::ExternalLinkage,
                                    llvm::ConstantAggregateZero::get(type), profile_name);
  table_->setDSOLocal(true);
}

llvm::Value* Profile::start(llvm::IRBuilder<>& builder) const {
  return builder.CreateIntrinsic(llvm::Intrinsic::readcyclecounter, {}, {});
}

void Profile::stop(ir::NodeId node, llvm::Value* started, llvm::IRBuilder<>& builder) const {
  llvm::Value* cycles = builder.CreateSub(start(builder), started);
  const auto add = [&](std::uint64_t slot, llvm::Value* value) {
    llvm::Value* address = builder.CreateConstInBoundsGEP2_64(table_->getValueType(), table_, 0, slot);
    builder.CreateAtomicRMW(llvm::AtomicRMWInst::Add, address, value, llvm::MaybeAlign(8),
                            llvm::AtomicOrdering::Monotonic);
  };
  add(2 * std::uint64_t{node}, builder.getInt64(1));
  add(2 * std::uint64_t{node} + 1, cycles);
}

}  // namespace jaxc::cpu
