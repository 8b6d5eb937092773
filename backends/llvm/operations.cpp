// Emits total operations: integer division and shifts are guarded, min and max propagate NaN.
#include "backends/llvm/operations.h"

#include <fmt/format.h>

#include "jaxc/error.h"

namespace jaxc::cpu {

namespace {

using ir::Opcode;
using llvm::Value;

/// Emits one operation; members are what its cases share.
class Operation {
 public:
  Operation(Code& code, DType dtype, DType operand, llvm::ArrayRef<Value*> arguments)
      : builder_(code.builder), code_(code), dtype_(dtype), operand_(operand), a_(arguments) {}

  Value* emit(Opcode opcode) {
    switch (opcode) {
      case Opcode::neg:
        return floating() ? builder_.CreateFNeg(a_[0]) : builder_.CreateNeg(a_[0]);
      case Opcode::abs:
        if (floating()) return unary(llvm::Intrinsic::fabs);
        return is_signed_integer(operand_)
                   ? builder_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, a_[0], builder_.getFalse())
                   : a_[0];
      case Opcode::bit_not:
        return builder_.CreateNot(a_[0]);
      case Opcode::floor:
        return unary(llvm::Intrinsic::floor);
      case Opcode::ceil:
        return unary(llvm::Intrinsic::ceil);
      case Opcode::trunc:
        return unary(llvm::Intrinsic::trunc);
      case Opcode::round_even:
        return unary(llvm::Intrinsic::roundeven);
      case Opcode::sqrt:
        return unary(llvm::Intrinsic::sqrt);
      case Opcode::is_nan:
        return builder_.CreateFCmpUNO(a_[0], a_[0]);
      case Opcode::population_count:
        return unary(llvm::Intrinsic::ctpop);
      case Opcode::count_leading_zeros:
        return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, a_[0], builder_.getFalse());
      case Opcode::convert:
        return convert();
      case Opcode::bitcast:
        return dtype_ == DType::boolean || operand_ == DType::boolean
                   ? convert()
                   : builder_.CreateBitCast(a_[0], shaped(code_.value_type(dtype_)));
      case Opcode::add:
        if (boolean()) return builder_.CreateOr(a_[0], a_[1]);
        return floating() ? builder_.CreateFAdd(a_[0], a_[1]) : builder_.CreateAdd(a_[0], a_[1]);
      case Opcode::sub:
        if (boolean()) return builder_.CreateXor(a_[0], a_[1]);
        return floating() ? builder_.CreateFSub(a_[0], a_[1]) : builder_.CreateSub(a_[0], a_[1]);
      case Opcode::mul:
        if (boolean()) return builder_.CreateAnd(a_[0], a_[1]);
        return floating() ? builder_.CreateFMul(a_[0], a_[1]) : builder_.CreateMul(a_[0], a_[1]);
      case Opcode::mul_high:
        return mul_high();
      case Opcode::div:
        return floating() ? builder_.CreateFDiv(a_[0], a_[1]) : integer_division(false);
      case Opcode::rem:
        return floating() ? builder_.CreateFRem(a_[0], a_[1]) : integer_division(true);
      case Opcode::min:
      case Opcode::max:
        return extremum(opcode == Opcode::max);
      case Opcode::bit_and:
        return builder_.CreateAnd(a_[0], a_[1]);
      case Opcode::bit_or:
        return builder_.CreateOr(a_[0], a_[1]);
      case Opcode::bit_xor:
        return builder_.CreateXor(a_[0], a_[1]);
      case Opcode::shift_left:
      case Opcode::shift_right_logical:
      case Opcode::shift_right_arithmetic:
        return shift(opcode);
      case Opcode::eq:
        return floating() ? builder_.CreateFCmpOEQ(a_[0], a_[1]) : builder_.CreateICmpEQ(a_[0], a_[1]);
      case Opcode::ne:
        return floating() ? builder_.CreateFCmpUNE(a_[0], a_[1]) : builder_.CreateICmpNE(a_[0], a_[1]);
      case Opcode::lt:
        if (floating()) return builder_.CreateFCmpOLT(a_[0], a_[1]);
        return is_signed_integer(operand_) ? builder_.CreateICmpSLT(a_[0], a_[1])
                                           : builder_.CreateICmpULT(a_[0], a_[1]);
      case Opcode::le:
        if (floating()) return builder_.CreateFCmpOLE(a_[0], a_[1]);
        return is_signed_integer(operand_) ? builder_.CreateICmpSLE(a_[0], a_[1])
                                           : builder_.CreateICmpULE(a_[0], a_[1]);
      case Opcode::select:
        return builder_.CreateSelect(a_[0], a_[1], a_[2]);
      case Opcode::mul_add:
        return builder_.CreateIntrinsic(llvm::Intrinsic::fmuladd, {a_[0]->getType()}, {a_[0], a_[1], a_[2]});
      case Opcode::fma:
        return builder_.CreateIntrinsic(llvm::Intrinsic::fma, {a_[0]->getType()}, {a_[0], a_[1], a_[2]});
      default:
        throw InternalError(fmt::format("cpu: {} is not an arithmetic operation", name(opcode)));
    }
  }

 private:
  bool floating() const { return is_floating(operand_); }
  bool boolean() const { return operand_ == DType::boolean; }

  Value* unary(llvm::Intrinsic::ID intrinsic) { return builder_.CreateUnaryIntrinsic(intrinsic, a_[0]); }

  /// `type`, as a vector where the operands are vectors.
  llvm::Type* shaped(llvm::Type* type) const {
    if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(a_[0]->getType()))
      return llvm::FixedVectorType::get(type, vector->getNumElements());
    return type;
  }

  Value* convert() {
    llvm::Type* type = shaped(code_.value_type(dtype_));
    Value* value = a_[0];
    if (dtype_ == operand_) return value;
    if (dtype_ == DType::boolean)
      return floating() ? builder_.CreateFCmpUNE(value, zero(value)) : builder_.CreateICmpNE(value, zero(value));
    if (is_floating(dtype_)) {
      if (floating()) return builder_.CreateFPCast(value, type);
      return is_signed_integer(operand_) ? builder_.CreateSIToFP(value, type) : builder_.CreateUIToFP(value, type);
    }
    if (floating())
      return builder_.CreateIntrinsic(
          is_signed_integer(dtype_) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat,
          {type, value->getType()}, {value});
    return is_signed_integer(operand_) ? builder_.CreateSExtOrTrunc(value, type)
                                       : builder_.CreateZExtOrTrunc(value, type);
  }

  static llvm::Constant* zero(Value* value) { return llvm::Constant::getNullValue(value->getType()); }

  Value* mul_high() {
    const unsigned bits = a_[0]->getType()->getScalarSizeInBits();
    llvm::Type* wide = shaped(builder_.getIntNTy(2 * bits));
    const bool is_signed = is_signed_integer(operand_);
    Value* left = is_signed ? builder_.CreateSExt(a_[0], wide) : builder_.CreateZExt(a_[0], wide);
    Value* right = is_signed ? builder_.CreateSExt(a_[1], wide) : builder_.CreateZExt(a_[1], wide);
    Value* product = builder_.CreateLShr(builder_.CreateMul(left, right), bits);
    return builder_.CreateTrunc(product, a_[0]->getType());
  }

  /// The quotient or remainder with a divisor that cannot trap, then the defined result for zero.
  Value* integer_division(bool remainder) {
    if (boolean()) throw InternalError("cpu: booleans are not divided");
    llvm::Type* type = a_[0]->getType();
    const bool is_signed = is_signed_integer(operand_);
    Value* is_zero = builder_.CreateICmpEQ(a_[1], zero(a_[1]));
    Value* unsafe = is_zero;
    if (is_signed) {
      llvm::Constant* smallest =
          llvm::ConstantInt::get(type, llvm::APInt::getSignedMinValue(type->getScalarSizeInBits()));
      Value* overflows = builder_.CreateAnd(builder_.CreateICmpEQ(a_[0], smallest),
                                            builder_.CreateICmpEQ(a_[1], llvm::Constant::getAllOnesValue(type)));
      unsafe = builder_.CreateOr(is_zero, overflows);
    }
    Value* divisor = builder_.CreateSelect(unsafe, llvm::ConstantInt::get(type, 1), a_[1]);
    if (remainder) {
      Value* result = is_signed ? builder_.CreateSRem(a_[0], divisor) : builder_.CreateURem(a_[0], divisor);
      return builder_.CreateSelect(is_zero, a_[0], result);
    }
    Value* result = is_signed ? builder_.CreateSDiv(a_[0], divisor) : builder_.CreateUDiv(a_[0], divisor);
    return builder_.CreateSelect(is_zero, llvm::Constant::getAllOnesValue(type), result);
  }

  Value* extremum(bool maximum) {
    if (boolean()) return maximum ? builder_.CreateOr(a_[0], a_[1]) : builder_.CreateAnd(a_[0], a_[1]);
    if (floating())
      return builder_.CreateBinaryIntrinsic(maximum ? llvm::Intrinsic::maximum : llvm::Intrinsic::minimum, a_[0],
                                            a_[1]);
    if (is_signed_integer(operand_))
      return builder_.CreateBinaryIntrinsic(maximum ? llvm::Intrinsic::smax : llvm::Intrinsic::smin, a_[0], a_[1]);
    return builder_.CreateBinaryIntrinsic(maximum ? llvm::Intrinsic::umax : llvm::Intrinsic::umin, a_[0], a_[1]);
  }

  Value* shift(Opcode opcode) {
    llvm::Type* type = a_[0]->getType();
    const unsigned bits = type->getScalarSizeInBits();
    Value* in_range = builder_.CreateICmpULT(a_[1], llvm::ConstantInt::get(type, bits));
    if (opcode == Opcode::shift_right_arithmetic)
      return builder_.CreateAShr(a_[0], builder_.CreateSelect(in_range, a_[1], llvm::ConstantInt::get(type, bits - 1)));
    Value* amount = builder_.CreateSelect(in_range, a_[1], zero(a_[1]));
    Value* shifted =
        opcode == Opcode::shift_left ? builder_.CreateShl(a_[0], amount) : builder_.CreateLShr(a_[0], amount);
    return builder_.CreateSelect(in_range, shifted, zero(shifted));
  }

  llvm::IRBuilder<>& builder_;
  Code& code_;
  DType dtype_;
  DType operand_;
  llvm::ArrayRef<Value*> a_;
};

}  // namespace

llvm::Value* emit_operation(Code& code, const ir::ScalarOp& op, DType operand, llvm::ArrayRef<Value*> arguments) {
  return Operation(code, op.dtype, operand, arguments).emit(op.opcode);
}

llvm::Value* emit_merge(Code& code, Opcode merge, DType dtype, Value* left, Value* right) {
  return Operation(code, dtype, dtype, {left, right}).emit(merge);
}

}  // namespace jaxc::cpu
