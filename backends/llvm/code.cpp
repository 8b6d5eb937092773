// Types, constants, masks and control flow that every emitter uses.
#include "backends/llvm/code.h"

#include <fmt/format.h>

#include "jaxc/error.h"

namespace jaxc::cpu {

Code::Code(llvm::Module& module, const ir::Program& program, const ir::Plan& plan, int vector_bits)
    : context(module.getContext()),
      module(module),
      builder(module.getContext()),
      program(program),
      plan(plan),
      vector_bits(vector_bits) {}

llvm::Type* Code::value_type(DType dtype) const {
  switch (dtype) {
    case DType::boolean:
      return llvm::Type::getInt1Ty(context);
    case DType::f32:
      return llvm::Type::getFloatTy(context);
    case DType::f64:
      return llvm::Type::getDoubleTy(context);
    default:
      if (!is_integer(dtype))
        throw InternalError(fmt::format("cpu: a Program has no elements of type {}", name(dtype)));
      return llvm::Type::getIntNTy(context, static_cast<unsigned>(8 * element_bytes(dtype)));
  }
}

llvm::Type* Code::memory_type(DType dtype) const {
  return dtype == DType::boolean ? llvm::Type::getInt8Ty(context) : value_type(dtype);
}

llvm::Constant* Code::constant(ir::ScalarConstant value) const {
  llvm::Type* type = value_type(value.dtype);
  if (value.dtype == DType::f32)
    return llvm::ConstantFP::get(type,
                                 llvm::APFloat(llvm::APFloat::IEEEsingle(), llvm::APInt(32, value.bits & 0xffffffffU)));
  if (value.dtype == DType::f64)
    return llvm::ConstantFP::get(type, llvm::APFloat(llvm::APFloat::IEEEdouble(), llvm::APInt(64, value.bits)));
  const unsigned bits = type->getIntegerBitWidth();
  return llvm::ConstantInt::get(type, llvm::APInt(64, value.bits).trunc(bits));
}

llvm::Constant* Code::integers(llvm::ArrayRef<std::int64_t> values) const {
  llvm::SmallVector<std::uint64_t, 16> elements(values.begin(), values.end());
  return llvm::ConstantDataVector::get(context, elements);
}

llvm::Constant* Code::first_lanes(int valid, int width) const {
  llvm::SmallVector<llvm::Constant*, 16> lanes;
  for (int lane = 0; lane < width; ++lane) lanes.push_back(llvm::ConstantInt::getBool(context, lane < valid));
  return llvm::ConstantVector::get(lanes);
}

namespace {

/// A vector that has the scalar in every lane already, or one addition away; null where there is none.
llvm::Value* in_all_lanes(Code& code, llvm::Value* value, int width) {
  if (const auto known = code.in_all_lanes.find(value); known != code.in_all_lanes.end()) {
    const auto* type = llvm::cast<llvm::FixedVectorType>(known->second->getType());
    return static_cast<int>(type->getNumElements()) == width ? known->second : nullptr;
  }
  const auto* sum = llvm::dyn_cast<llvm::BinaryOperator>(value);
  if (sum == nullptr || sum->getOpcode() != llvm::Instruction::FAdd) return nullptr;
  auto* constant = llvm::dyn_cast<llvm::Constant>(sum->getOperand(1));
  llvm::Value* lanes = constant == nullptr ? nullptr : in_all_lanes(code, sum->getOperand(0), width);
  if (lanes == nullptr) return nullptr;
  return code.builder.CreateFAdd(lanes, code.builder.CreateVectorSplat(static_cast<unsigned>(width), constant));
}

}  // namespace

llvm::Value* Code::splat(llvm::Value* value, int width) {
  if (width == 1 || is_vector(value)) return value;
  if (llvm::Value* lanes = cpu::in_all_lanes(*this, value, width)) return lanes;
  return builder.CreateVectorSplat(static_cast<unsigned>(width), value);
}

llvm::Value* Code::any(llvm::Value* condition) {
  return is_vector(condition) ? builder.CreateOrReduce(condition) : condition;
}

llvm::Value* Code::both(llvm::Value* left, llvm::Value* right, int width) {
  if (left == nullptr || right == nullptr) return left == nullptr ? right : left;
  if (is_vector(left) != is_vector(right)) {
    left = splat(left, width);
    right = splat(right, width);
  }
  return builder.CreateAnd(left, right);
}

llvm::BasicBlock* Code::new_block(std::string_view name) {
  return llvm::BasicBlock::Create(context, llvm::StringRef(name.data(), name.size()),
                                  builder.GetInsertBlock()->getParent());
}

void Code::counted_loop(std::string_view name, std::int64_t trip_count, Values& carried,
                        llvm::function_ref<void(llvm::Value*)> body) {
  llvm::BasicBlock* before = builder.GetInsertBlock();
  llvm::BasicBlock* header = new_block(name);
  builder.CreateBr(header);
  builder.SetInsertPoint(header);
  llvm::PHINode* counter = builder.CreatePHI(builder.getInt64Ty(), 2);
  counter->addIncoming(integer(0), before);
  llvm::SmallVector<llvm::PHINode*, 8> phis;
  for (llvm::Value*& value : carried) {
    phis.push_back(builder.CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
    value = phis.back();
  }
  body(counter);
  llvm::Value* next = builder.CreateAdd(counter, integer(1), "", /*HasNUW=*/true, /*HasNSW=*/true);
  llvm::BasicBlock* latch = builder.GetInsertBlock();
  counter->addIncoming(next, latch);
  for (std::size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(carried[k], latch);
  llvm::BasicBlock* after = new_block("after");
  builder.CreateCondBr(builder.CreateICmpNE(next, integer(trip_count)), header, after);
  builder.SetInsertPoint(after);
}

void Code::when(llvm::Value* condition, Values& merged, llvm::function_ref<void()> body) {
  if (const auto known = known_integer(condition)) {
    if (*known != 0) body();
    return;
  }
  const Values skipped = merged;
  llvm::BasicBlock* before = builder.GetInsertBlock();
  llvm::BasicBlock* inside = new_block("when");
  llvm::BasicBlock* after = new_block("join");
  builder.CreateCondBr(condition, inside, after);
  builder.SetInsertPoint(inside);
  body();
  llvm::BasicBlock* end = builder.GetInsertBlock();
  builder.CreateBr(after);
  builder.SetInsertPoint(after);
  for (std::size_t k = 0; k < merged.size(); ++k) {
    llvm::PHINode* phi = builder.CreatePHI(merged[k]->getType(), 2);
    phi->addIncoming(skipped[k], before);
    phi->addIncoming(merged[k], end);
    merged[k] = phi;
  }
}

llvm::Value* Code::frame_memory(std::int64_t bytes) {
  llvm::BasicBlock& block = entry->getEntryBlock();
  llvm::IRBuilder<> at_entry(&block, block.begin());
  llvm::AllocaInst* memory = at_entry.CreateAlloca(
      llvm::ArrayType::get(at_entry.getInt8Ty(), static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 1))));
  memory->setAlignment(llvm::Align(64));
  return memory;
}

std::optional<std::int64_t> known_integer(const llvm::Value* value) {
  if (const auto* constant = llvm::dyn_cast<llvm::ConstantInt>(value))
    return constant->getBitWidth() == 1 ? static_cast<std::int64_t>(constant->getZExtValue())
                                        : constant->getSExtValue();
  return std::nullopt;
}

}  // namespace jaxc::cpu
