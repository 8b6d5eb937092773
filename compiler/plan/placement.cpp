// Places classes in buffers: fixed homes first, views of stacked arrays after what they view.
#include "compiler/plan/placement.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "compiler/plan/schedule.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Buffer;
using ir::BufferId;
using ir::Placement;
using ir::Plan;
using ir::Program;
using ir::Storage;

constexpr std::int64_t alignment = 64;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Makes a placement the slice of `whole` that moves with its loop's position.
void view(Placement& placement, const Placement& whole, const FixedHome& home) {
  placement.strides = whole.strides;
  placement.strides.erase(placement.strides.begin() + home.axis);
  placement.loop_strides = whole.loop_strides;
  placement.loop_strides.push_back({home.loop, whole.strides[static_cast<std::size_t>(home.axis)]});
}

/// Live ranges of placed buffers, as a tree over all ranges by their begins that knows the latest end below each node.
class PlacedRanges {
 public:
  PlacedRanges(std::vector<std::uint32_t> classes, const std::vector<LiveRange>& ranges)
      : classes_(std::move(classes)), ranges_(ranges) {
    std::sort(classes_.begin(), classes_.end(), [&](std::uint32_t one, std::uint32_t other) {
      return std::pair(ranges_[one].begin, one) < std::pair(ranges_[other].begin, other);
    });
    while (leaves_ < classes_.size()) leaves_ *= 2;
    latest_.assign(2 * leaves_, nothing);
  }

  void add(std::uint32_t storage_class) {
    const auto found = std::lower_bound(classes_.begin(), classes_.end(), storage_class, [&](auto one, auto other) {
      return std::pair(ranges_[one].begin, one) < std::pair(ranges_[other].begin, other);
    });
    const std::int64_t end = ranges_[storage_class].end;
    for (std::size_t node = leaves_ + static_cast<std::size_t>(found - classes_.begin()); node > 0; node /= 2)
      latest_[node] = std::max(latest_[node], end);
  }

  /// The placed classes whose ranges overlap this one.
  std::vector<std::uint32_t> overlapping(const LiveRange& range) const {
    std::vector<std::uint32_t> result;
    collect(1, 0, leaves_, range, result);
    return result;
  }

 private:
  static constexpr std::int64_t nothing = std::numeric_limits<std::int64_t>::min();

  void collect(std::size_t node, std::size_t first, std::size_t count, const LiveRange& range,
               std::vector<std::uint32_t>& result) const {
    if (latest_[node] == nothing || latest_[node] < range.begin || ranges_[classes_[first]].begin > range.end) return;
    if (count == 1) return result.push_back(classes_[first]);
    collect(2 * node, first, count / 2, range, result);
    collect(2 * node + 1, first + count / 2, count / 2, range, result);
  }

  std::vector<std::uint32_t> classes_;
  const std::vector<LiveRange>& ranges_;
  std::size_t leaves_ = 1;
  std::vector<std::int64_t> latest_;
};

class Placer {
 public:
  Placer(const Program& program, const StorageClasses& classes, const ChooseStorage& choose, Plan& plan)
      : program_(program), classes_(classes), choose_(choose), plan_(plan) {}

  void run() {
    plan_.placements.resize(program_.arrays.size());
    done_.assign(program_.arrays.size(), false);
    buffer_of_.assign(classes_.members.size(), std::nullopt);
    rows_.assign(classes_.members.size(), 0);
    for (std::uint32_t k = 0; k < classes_.members.size(); ++k)
      if (!classes_.members[k].empty()) make_buffer(k);
    pack_scratch();
    for (ArrayId array = 0; array < program_.arrays.size(); ++array) place(array);
  }

 private:
  void make_buffer(std::uint32_t storage_class) {
    using Kind = FixedHome::Kind;
    const FixedHome& home = classes_.homes[storage_class];
    if (home.kind == Kind::slice || home.kind == Kind::stacked) return;
    Buffer buffer;
    StorageChoice choice;
    switch (home.kind) {
      case Kind::input:
        buffer = {Storage::input, 0, home.slot};
        break;
      case Kind::constant:
        buffer = {Storage::constant, 0, home.slot};
        break;
      case Kind::output:
        buffer = {Storage::output, 0, home.slot};
        break;
      default:
        choice = choose_(storage_class);
        buffer.storage = choice.storage;
    }
    rows_[storage_class] = choice.row;
    if (!choice.empty)
      for (const ArrayId member : classes_.members[storage_class])
        buffer.bytes = std::max(buffer.bytes, padded_bytes(member, choice.row));
    buffer_of_[storage_class] = static_cast<BufferId>(plan_.buffers.size());
    plan_.buffers.push_back(buffer);
  }

  std::int64_t padded_bytes(ArrayId array, std::int64_t row) const {
    const Shape& shape = program_.arrays[array].shape;
    auto bytes = static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
    for (std::size_t k = 0; k < shape.size(); ++k) bytes *= k + 1 == shape.size() ? std::max(row, shape[k]) : shape[k];
    return bytes;
  }

  void pack_scratch() {
    std::vector<std::uint32_t> order;
    for (std::uint32_t k = 0; k < classes_.members.size(); ++k)
      if (buffer_of_[k] && plan_.buffers[*buffer_of_[k]].storage == Storage::scratch) order.push_back(k);
    const auto bytes = [&](std::uint32_t k) { return aligned(plan_.buffers[*buffer_of_[k]].bytes); };
    std::sort(order.begin(), order.end(), [&](auto one, auto other) {
      return bytes(one) != bytes(other) ? bytes(one) > bytes(other) : one < other;
    });
    PlacedRanges placed(order, classes_.ranges);
    std::vector<std::uint32_t> by_offset;
    for (std::uint32_t k : order) {
      const auto start = [&](std::uint32_t other) { return plan_.buffers[*buffer_of_[other]].slot; };
      std::vector<std::uint32_t> others = placed.overlapping(classes_.ranges[k]);
      if (others.size() < by_offset.size() / 8) {
        std::sort(others.begin(), others.end(), [&](auto one, auto other) { return start(one) < start(other); });
      } else {
        others.clear();
        std::copy_if(by_offset.begin(), by_offset.end(), std::back_inserter(others),
                     [&](auto other) { return classes_.ranges[k].overlaps(classes_.ranges[other]); });
      }
      std::int64_t offset = 0;
      for (std::uint32_t other : others) {
        if (offset + bytes(k) <= start(other)) break;
        offset = std::max(offset, start(other) + bytes(other));
      }
      plan_.buffers[*buffer_of_[k]].slot = offset;
      plan_.scratch_bytes = std::max(plan_.scratch_bytes, offset + bytes(k));
      placed.add(k);
      const auto after = std::upper_bound(by_offset.begin(), by_offset.end(), offset,
                                          [&](std::int64_t value, auto other) { return value < start(other); });
      by_offset.insert(after, k);
    }
  }

  const Placement& place(ArrayId array) {
    Placement& placement = plan_.placements[array];
    if (done_[array]) return placement;
    done_[array] = true;
    const std::uint32_t storage_class = classes_.class_of[array];
    const FixedHome& home = classes_.homes[storage_class];
    if (home.kind == FixedHome::Kind::slice || home.kind == FixedHome::Kind::stacked) {
      const Placement whole = place(home.whole);
      placement = whole;
      view(placement, whole, home);
      if (placement.strides.size() != program_.arrays[array].shape.size())
        throw InternalError("placement: a slice's shape is not its array's without the axis");
    } else {
      placement.buffer = *buffer_of_[storage_class];
      placement.strides = row_major_strides(program_.arrays[array].shape, rows_[storage_class]);
    }
    return placement;
  }

  const Program& program_;
  const StorageClasses& classes_;
  const ChooseStorage& choose_;
  Plan& plan_;
  std::vector<bool> done_;
  std::vector<std::int64_t> rows_;                  ///< by class: padded row length
  std::vector<std::optional<BufferId>> buffer_of_;  ///< by class
};

/// Narrows private storage to one lane, views of a private array after the array.
class LanePlacer {
 public:
  LanePlacer(const Program& program, const StorageClasses& classes, const LaneDimensions& lane_dimensions, Plan& plan)
      : program_(program), classes_(classes), lane_dimensions_(lane_dimensions), plan_(plan) {}

  void run() {
    done_.assign(program_.arrays.size(), false);
    for (ArrayId array = 0; array < program_.arrays.size(); ++array)
      if (is_private(array) && lane_dimensions_(array)) buffer_of(array).bytes = 0;
    for (ArrayId array = 0; array < program_.arrays.size(); ++array) place(array);
  }

 private:
  Buffer& buffer_of(ArrayId array) { return plan_.buffers[plan_.placements[array].buffer]; }

  bool is_private(ArrayId array) {
    const Storage storage = buffer_of(array).storage;
    return storage == Storage::stack || storage == Storage::registers;
  }

  void place(ArrayId array) {
    if (done_[array]) return;
    const std::optional<std::vector<int>> dimensions = lane_dimensions_(array);
    if (!dimensions) return;
    done_[array] = true;
    Placement& placement = plan_.placements[array];
    placement.lane_dimensions = *dimensions;
    if (!is_private(array)) return;
    const FixedHome& home = classes_.homes[classes_.class_of[array]];
    if (home.kind == FixedHome::Kind::slice || home.kind == FixedHome::Kind::stacked) {
      place(home.whole);
      view(placement, plan_.placements[home.whole], home);
      return;
    }
    const Shape& shape = program_.arrays[array].shape;
    std::int64_t count = 1;
    for (std::size_t k = shape.size(); k-- > 0;) {
      const bool lane = std::find(dimensions->begin(), dimensions->end(), static_cast<int>(k)) != dimensions->end();
      placement.strides[k] = lane ? 0 : count;
      if (!lane) count *= shape[k];
    }
    const auto bytes = static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
    buffer_of(array).bytes = std::max(buffer_of(array).bytes, count * bytes);
  }

  const Program& program_;
  const StorageClasses& classes_;
  const LaneDimensions& lane_dimensions_;
  Plan& plan_;
  std::vector<bool> done_;
};

}  // namespace

void place_lanes(const Program& program, const StorageClasses& classes, const LaneDimensions& lane_dimensions,
                 Plan& plan) {
  LanePlacer(program, classes, lane_dimensions, plan).run();
}

void place_arrays(const Program& program, const StorageClasses& classes, const ChooseStorage& choose, Plan& plan) {
  Placer(program, classes, choose, plan).run();
}

}  // namespace jaxc::compiler
