// Memory of one run: the plan's buffers as bytes, with shadows that say what was written where and by whom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "backends/reference/scalar_operations.h"
#include "ir/plan.h"
#include "jaxc/array.h"

namespace jaxc::reference {

/// Which arrays may be found where an array is read, because the plan leaves values in place: the two sides of
/// a reshape, of an update, of a carry, of a branch's result, and slices of stacked arrays.
class Aliases {
 public:
  explicit Aliases(const ir::Program& program);
  /// Whether an element of `array` may have been written as `written`.
  bool may_hold(ir::ArrayId array, ir::ArrayId written) const;

 private:
  std::vector<std::vector<ir::ArrayId>> sources_;
};

/// The number of a node's execution, a move or another event; they increase through a run.
using Event = std::uint32_t;

/// An array at one moment: where its elements are, with the positions of its loops put in.
struct Located {
  ir::ArrayId array = 0;
  std::size_t region = 0;  ///< a piece of memory
  std::int64_t low = 0;    ///< bytes of the buffer: [low, high) of the region
  std::int64_t high = 0;
  std::int64_t base = 0;              ///< byte of element 0 in the region
  std::size_t width = 0;              ///< bytes an element
  std::vector<std::int64_t> strides;  ///< in elements
};

/// Buffers of a plan for one run. Every access is checked: it lies in its buffer, read-only memory is not
/// written, and where asked for, a read finds its own value and parallel points do not collide.
class Memory {
 public:
  struct Checks {
    bool values = true;
    bool races = true;
  };

  Memory(const ir::Program& program, const ir::Plan& plan, const Aliases& aliases, std::span<const Array> inputs,
         Checks checks);

  /// `positions`: by NodeId, for loops under way.
  Located locate(ir::ArrayId array, std::span<const std::int64_t> positions) const;

  /// Reads or writes the element `number` elements after the array's origin.
  Value read(const Located& place, std::int64_t number);
  void write(const Located& place, std::int64_t number, Value value);

  /// Starts an event: writes from here on belong to it.
  Event begin() { return ++event_; }
  /// The parallel point whose accesses follow; nothing where accesses cannot collide.
  void set_point(std::optional<std::uint32_t> point) { point_ = point; }
  /// From here on, `array` is a value: its elements are not newer than the present event.
  void assigned(ir::ArrayId array) { assigned_[array] = event_; }
  /// The loop under way runs lane by lane: it began after event `loop`, and its present lane begins now. A lane
  /// reads nothing that another wrote, and writes over it only the same value.
  void begin_lane(Event loop) {
    lane_loop_ = loop;
    lane_start_ = event_;
  }
  void end_lanes() { lane_loop_ = lane_start_ = 0; }
  Event now() const { return event_; }
  /// The two buffers trade places.
  void trade(ir::BufferId left, ir::BufferId right);
  /// Forgets a private buffer's contents.
  void poison(ir::BufferId buffer);

 private:
  static constexpr std::uint32_t nobody = ~std::uint32_t{0};
  static constexpr std::uint32_t several = nobody - 1;

  struct Tag {
    ir::ArrayId array = nobody;
    Event event = 0;
  };
  struct Touch {
    Event write_event = 0;
    std::uint32_t writer = 0;
    Event read_event = 0;
    std::uint32_t reader = 0;
  };
  struct Region {
    std::vector<std::byte> bytes;
    bool read_only = false;
    std::size_t grain = 1;  ///< bytes a shadow entry covers
    std::vector<Tag> tags;
    std::vector<Touch> touches;
  };
  struct Binding {
    std::size_t region = 0;
    std::int64_t low = 0;
    std::int64_t high = 0;
  };

  std::size_t add_region(std::int64_t bytes, bool read_only);
  void make_shadows();
  std::int64_t address(const Located& place, std::int64_t number) const;
  void check_value(const Region& region, const Located& place, std::int64_t at);
  bool of_another_lane(const Tag& tag) const { return tag.event > lane_loop_ && tag.event <= lane_start_; }
  void note_read(Region& region, const Located& place, std::int64_t at);
  void note_write(Region& region, const Located& place, std::int64_t at);

  const ir::Program& program_;
  const ir::Plan& plan_;
  const Aliases& aliases_;
  Checks checks_;
  std::vector<Region> regions_;
  std::vector<Binding> bindings_;              ///< by BufferId
  std::vector<Event> assigned_;                ///< by ArrayId
  std::unordered_set<std::uint64_t> related_;  ///< pairs of arrays found to be aliases
  Event event_ = 0;
  Event lane_loop_ = 0;
  Event lane_start_ = 0;
  std::optional<std::uint32_t> point_;
};

}  // namespace jaxc::reference
