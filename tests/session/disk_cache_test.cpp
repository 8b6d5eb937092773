// The disk cache: what it finds, what it refuses, its bound, and many writers at once.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/disk_cache.h"
#include "runtime/hash.h"

namespace jaxc::runtime {
namespace {

namespace fs = std::filesystem;

TEST(Hash, MatchesPublishedValues) {
  EXPECT_EQ(hash64(""), 0xef46db3751d8e999);
  EXPECT_EQ(hash64("a"), 0xd24ec4f1a98c6e5b);
  EXPECT_EQ(hash64("abc"), 0x44bc2cf5ad770999);
  EXPECT_EQ(hash64("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1);
}

class Cache : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              fmt::format("jaxc_cache_{}_{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  DiskCache cache(std::int64_t limit = 1 << 20) const { return DiskCache(folder_.string(), limit); }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path());
    return found;
  }
  std::int64_t total_bytes() const {
    std::int64_t total = 0;
    for (const fs::path& file : files()) total += static_cast<std::int64_t>(fs::file_size(file));
    return total;
  }

  fs::path folder_;
};

TEST_F(Cache, FindsWhatWasStored) {
  EXPECT_EQ(cache().find("key"), std::nullopt);
  cache().store("key", "value");
  cache().store("other", std::string("a\0b", 3));
  EXPECT_EQ(cache().find("key"), "value");
  EXPECT_EQ(cache().find("other"), std::string("a\0b", 3));
  EXPECT_EQ(cache().find("absent"), std::nullopt);
  cache().store("key", "newer");
  EXPECT_EQ(cache().find("key"), "newer");
  EXPECT_EQ(files().size(), 2U);
}

TEST_F(Cache, KeepsOthersOut) {
  cache().store("key", "value");
  struct stat status = {};
  ASSERT_EQ(stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  ASSERT_EQ(stat(files()[0].c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 077, 0U);
  // A folder that others may write to is not used.
  fs::permissions(folder_, fs::perms::all);
  cache().store("second", "value");
  EXPECT_EQ(files().size(), 1U);
  // Nor is a link followed.
  fs::permissions(folder_, fs::perms::owner_all);
  const fs::path file = files()[0];
  const fs::path elsewhere = folder_ / "elsewhere";
  fs::rename(file, elsewhere);
  fs::create_symlink(elsewhere, file);
  EXPECT_EQ(cache().find("key"), std::nullopt);
}

TEST_F(Cache, UsesNoFilesOfOthers) {
  constexpr uid_t nobody = 65534;
  if (geteuid() != 0) GTEST_SUCCEED() << "only root may give files away";
  if (geteuid() != 0) return;
  cache().store("key", "value");
  const fs::path file = files()[0];
  ASSERT_EQ(chown(file.c_str(), nobody, nobody), 0);
  EXPECT_EQ(cache().find("key"), std::nullopt);
  ASSERT_EQ(chown(folder_.c_str(), nobody, nobody), 0);
  cache().store("second", "value");
  EXPECT_EQ(files().size(), 1U);
}

TEST_F(Cache, RefusesEveryTruncationAndChange) {
  const std::string key = "the key";
  const std::string value = "the value, of some length";
  cache().store(key, value);
  const fs::path file = files()[0];
  std::ifstream stream(file, std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(stream), {}};
  const auto write = [&](const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; };
  for (std::size_t length = 0; length < good.size(); ++length) {
    write(good.substr(0, length));
    EXPECT_EQ(cache().find(key), std::nullopt) << length;
  }
  for (std::size_t k = 0; k < good.size(); ++k) {
    std::string bad = good;
    bad[k] = static_cast<char>(bad[k] ^ 0x40);
    write(bad);
    EXPECT_EQ(cache().find(key), std::nullopt) << k;
  }
  write(good + "more");
  EXPECT_EQ(cache().find(key), std::nullopt);
  // A bad file is replaced.
  cache().store(key, value);
  EXPECT_EQ(cache().find(key), value);
}

TEST_F(Cache, ComparesTheWholeKey) {
  // The file of one key under the name of another: what a collision of their hashes looks like.
  cache().store("one", "value");
  fs::rename(files()[0], folder_ / (hash_name("two") + ".jaxc"));
  EXPECT_EQ(cache().find("two"), std::nullopt);
}

TEST_F(Cache, DropsTheLongestUnused) {
  const std::string value(1000, 'x');
  const DiskCache bounded = cache(4500);
  const auto age = [&](std::string_view key, int minutes) {
    fs::last_write_time(folder_ / (hash_name(key) + ".jaxc"),
                        fs::file_time_type::clock::now() - std::chrono::minutes(minutes));
  };
  for (const char* key : {"a", "b", "c", "d"}) bounded.store(key, value);
  age("a", 40);
  age("b", 30);
  age("c", 20);
  age("d", 10);
  std::ofstream(folder_ / "README") << std::string(10000, 'r');
  EXPECT_EQ(bounded.find("a"), value);  // now the latest used
  bounded.store("e", value);
  EXPECT_EQ(bounded.find("b"), std::nullopt);
  for (const char* key : {"a", "c", "d", "e"}) EXPECT_EQ(bounded.find(key), value) << key;
  EXPECT_TRUE(fs::exists(folder_ / "README"));  // not ours, not touched
  bounded.store("huge", std::string(5000, 'x'));
  EXPECT_EQ(bounded.find("huge"), std::nullopt);
  EXPECT_EQ(bounded.find("e"), value);
}

TEST_F(Cache, SurvivesUnusableFolders) {
  std::ofstream(folder_.string()) << "a file";
  cache().store("key", "value");
  EXPECT_EQ(cache().find("key"), std::nullopt);
  const DiskCache nowhere("/proc/jaxc/cache", 1 << 20);
  nowhere.store("key", "value");
  EXPECT_EQ(nowhere.find("key"), std::nullopt);
}

// Several processes store and find a few keys, within a bound that makes them evict each other's files.
TEST_F(Cache, SharedByProcesses) {
  constexpr std::int64_t limit = 60'000;
  const auto value = [](int key) {
    return std::string(5000 + static_cast<std::size_t>(key), static_cast<char>('a' + key));
  };
  std::vector<pid_t> children;
  for (int process = 0; process < 4; ++process) {
    const pid_t child = fork();
    if (child == 0) {
      bool good = true;
      for (int round = 0; round < 200; ++round) {
        const int key = (round * 7 + process) % 20;
        const auto found = cache(limit).find(std::to_string(key));
        good = good && (!found || *found == value(key));
        cache(limit).store(std::to_string(key), value(key));
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  cache(limit).store("last", "value");
  EXPECT_LE(total_bytes(), limit);
  for (const fs::path& file : files()) EXPECT_EQ(file.extension(), ".jaxc") << file;
}

}  // namespace
}  // namespace jaxc::runtime
