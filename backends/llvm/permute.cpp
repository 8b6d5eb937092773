// Emits AVX-512's permutation of two vectors, by an order that a load brings.
#include "backends/llvm/permute.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/IR/IntrinsicsX86.h>

namespace jaxc::cpu {

using llvm::Value;

namespace {

/// AVX-512's permutation of two vectors of a type, or not_intrinsic where it has none or code uses shorter vectors.
llvm::Intrinsic::ID permutation(const Code& code, const llvm::FixedVectorType& type) {
  const llvm::Type& element = *type.getElementType();
  const unsigned bits = type.getNumElements() * element.getScalarSizeInBits();
  if (!code.permutes_two || (bits != 512 && bits != 256) || bits > static_cast<unsigned>(code.vector_bits))
    return llvm::Intrinsic::not_intrinsic;
  const bool full = bits == 512;
  if (element.isFloatTy())
    return full ? llvm::Intrinsic::x86_avx512_vpermi2var_ps_512 : llvm::Intrinsic::x86_avx512_vpermi2var_ps_256;
  if (element.isDoubleTy())
    return full ? llvm::Intrinsic::x86_avx512_vpermi2var_pd_512 : llvm::Intrinsic::x86_avx512_vpermi2var_pd_256;
  if (element.isIntegerTy(32))
    return full ? llvm::Intrinsic::x86_avx512_vpermi2var_d_512 : llvm::Intrinsic::x86_avx512_vpermi2var_d_256;
  if (element.isIntegerTy(64))
    return full ? llvm::Intrinsic::x86_avx512_vpermi2var_q_512 : llvm::Intrinsic::x86_avx512_vpermi2var_q_256;
  return llvm::Intrinsic::not_intrinsic;
}

/// The order as a vector of integers as wide as the elements, in memory that counts as variable.
Value* load_order(Code& code, llvm::ArrayRef<int> order, unsigned bits) {
  const std::string name = fmt::format("order{}_{}", bits, fmt::join(order, "_"));
  llvm::GlobalVariable* memory = code.module.getGlobalVariable(name, /*AllowInternal=*/true);
  if (memory == nullptr) {
    llvm::SmallVector<llvm::Constant*, 16> elements;
    for (const int element : order)
      elements.push_back(llvm::ConstantInt::get(code.builder.getIntNTy(bits), static_cast<std::uint64_t>(element)));
    llvm::Constant* values = llvm::ConstantVector::get(elements);
    memory = new llvm::GlobalVariable(code.module, values->getType(), /*isConstant=*/false,
                                      llvm::GlobalValue::InternalLinkage, values, name);
    memory->setAlignment(llvm::Align(64));
  }
  llvm::LoadInst* load = code.builder.CreateAlignedLoad(memory->getValueType(), memory, llvm::Align(64));
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(code.context, {}));
  return load;
}

}  // namespace

Value* permute(Code& code, Value* left, Value* right, llvm::ArrayRef<int> order) {
  const auto& type = *llvm::cast<llvm::FixedVectorType>(left->getType());
  const llvm::Intrinsic::ID intrinsic = permutation(code, type);
  if (intrinsic == llvm::Intrinsic::not_intrinsic || order.size() != type.getNumElements())
    return code.builder.CreateShuffleVector(left, right, order);
  return code.builder.CreateIntrinsic(intrinsic, {},
                                      {left, load_order(code, order, type.getScalarSizeInBits()), right});
}

}  // namespace jaxc::cpu
