// Coalescing: which arrays share storage, so that updates, carries and reshapes move nothing.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "compiler/plan/liveness.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// Storage that an array has from outside: no class of arrays has two.
struct FixedHome {
  enum class Kind : std::uint8_t {
    none,
    input,     ///< read only
    constant,  ///< read only
    output,    ///< number `slot`
    slice,     ///< a loop's argument: a read-only view of `whole` along `axis`
    stacked,   ///< a loop's stacked value: a slice of the result `whole`, written in place
  };
  Kind kind = Kind::none;
  std::int64_t slot = 0;
  ir::NodeId loop = 0;  ///< slice, stacked
  ir::ArrayId whole = 0;
  int axis = 0;

  bool read_only() const { return kind == Kind::input || kind == Kind::constant || kind == Kind::slice; }
};

/// A partition of the arrays into classes that share one piece of storage.
struct StorageClasses {
  std::vector<std::uint32_t> class_of;            ///< by ArrayId
  std::vector<std::vector<ir::ArrayId>> members;  ///< by class; empty when merged away
  std::vector<FixedHome> homes;                   ///< by class
  std::vector<LiveRange> ranges;  ///< by class: from a member's first need to the last, moves away included

  bool same(ir::ArrayId left, ir::ArrayId right) const { return class_of[left] == class_of[right]; }
};

/// Whether an array is small enough to live in private memory; such arrays do not join fixed homes.
using IsSmall = std::function<bool(ir::ArrayId)>;
/// Whether two arrays may share storage at all; empty: any two may.
using MayShare = std::function<bool(ir::ArrayId, ir::ArrayId)>;

/// Merges, where no two members are needed at one time, the two sides of every move: a carry's argument and
/// next, argument and result, initial and argument; an update's base and result; a reshape's two sides (which
/// hold one value, so both may be live); a branch's results. Two arrays meet at one nest without conflict when
/// the nest reads the one only at the element where it stores the other.
StorageClasses coalesce(const ir::Program& program, const Liveness& liveness, const IsSmall& is_small,
                        const MayShare& may_share = {});

}  // namespace jaxc::compiler
