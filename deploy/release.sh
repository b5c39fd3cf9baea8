#!/usr/bin/env bash
# What .github/workflows/release.yml runs. Nothing here publishes.
#   deploy/release.sh check TAG      exits with 1 unless TAG is the version of package.json, and the CHANGELOG and the lock file have that version
#   deploy/release.sh make FOLDER    writes the npm package, the Debian package, the SBOM (CycloneDX) of the npm package, and their SHA-256 sums
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
version=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1])).version' "$top/package.json")

stop() {
  echo "Cannot release: $*" >&2
  exit 1
}

check() {
  [ "$1" = "v$version" ] || stop "the tag is $1, and package.json has $version; tag v$version, or change both with npm version"
  locked=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1])).packages[""].version' "$top/package-lock.json")
  [ "$locked" = "$version" ] || stop "package-lock.json has $locked, and package.json $version; run npm install --package-lock-only"
  grep -qE "^## \[${version//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}\$" "$top/CHANGELOG.md" ||
    stop "CHANGELOG.md has no line \"## [$version] - YYYY-MM-DD\"; move what is under Unreleased below one"
  changed=$(git -C "$top" status --porcelain)
  [ -z "$changed" ] || stop "the checkout has changes that no commit has: $changed"
}

make() {
  mkdir -p "$1"
  cd "$1"
  (cd "$top" && npm pack --silent --pack-destination "$OLDPWD") >&2
  "$top/deploy/debian/build.sh" "postern-$version.tgz" . >&2
  # npm takes the name of the component from the folder. Its --omit dev also omits what a tool for development needs too, as commander.
  part=$(mktemp -d)
  trap 'rm -rf "$part"' EXIT
  mkdir "$part/postern"
  node -e '
    const [top, part] = process.argv.slice(1);
    const read = (name) => JSON.parse(fs.readFileSync(`${top}/${name}`));
    const write = (name, value) => fs.writeFileSync(`${part}/${name}`, JSON.stringify(value));
    const [own, lock] = [read("package.json"), read("package-lock.json")];
    lock.packages = Object.fromEntries(Object.entries(lock.packages).filter(([, { dev }]) => dev !== true));
    delete own.devDependencies;
    delete lock.packages[""].devDependencies;
    write("package.json", own);
    write("package-lock.json", lock);
  ' "$top" "$part/postern"
  (cd "$part/postern" && npm sbom --sbom-format cyclonedx --sbom-type application --package-lock-only) \
    >"postern-$version.cdx.json"
  sha256sum postern* >SHA256SUMS
}

"$@"
