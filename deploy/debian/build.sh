#!/usr/bin/env bash
# Makes a Debian package of postern's npm package, for this machine's architecture.
#   deploy/debian/build.sh postern-VERSION.tgz FOLDER
# It needs npm, for koffi with its binary, and dpkg-deb. All else is in the npm package.
set -euo pipefail
umask 022
tarball=$(realpath "$1")
out=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --global --ignore-scripts --no-audit --no-fund --prefix "$work/npm" "$tarball" >/dev/null
from=$work/npm/lib/node_modules/postern
version=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1])).version' "$from/package.json")
arch=$(dpkg --print-architecture)
root=$work/root
lib=$root/usr/lib/postern
doc=$root/usr/share/doc/postern
mkdir -p "$lib/dist" "$lib/node_modules/@koromix" "$doc/examples" "$root/usr/bin" "$root/usr/share/man/man1" "$root/usr/share/man/man5" "$root/DEBIAN"

# The programs are bundles. koffi is the one package that stands beside them: its JavaScript, and its binary for this machine.
cp -r "$from/dist/run" "$from/dist/postern.schema.json" "$lib/dist"
cp "$from/package.json" "$lib"
cp -r "$from/node_modules/koffi" "$lib/node_modules"
cp -r "$from"/node_modules/@koromix/koffi-linux-* "$lib/node_modules/@koromix"
rm -rf "$lib"/node_modules/koffi/{doc,vendor,cnoke.cjs,src/koffi/src/trampolines.cjs} "$lib"/node_modules/@koromix/*/musl_*
find "$lib/node_modules" -type f ! -name '*.js' ! -name '*.cjs' ! -name '*.node' ! -name package.json -delete
find "$lib/node_modules" -type d -empty -delete
find "$lib" -type f ! -name postern.js -exec chmod 644 {} +
strip --strip-unneeded "$lib"/node_modules/@koromix/*/*/koffi.node 2>/dev/null || true
ln -s ../lib/postern/dist/run/postern.js "$root/usr/bin/postern"

cp "$from"/dist/man/*.1 "$root/usr/share/man/man1"
cp "$from"/dist/man/*.5 "$root/usr/share/man/man5"
put() {
  install -D -m 644 "$from/deploy/$1" "$root/$2"
}
put systemd/postern.service usr/lib/systemd/system/postern.service
put systemd/postern@.service usr/lib/systemd/system/postern@.service
put systemd/postern.socket usr/share/doc/postern/examples/postern.socket
for file in prometheus/{prometheus.yml,postern.rules.yml,postern.test.yml} grafana/postern.json; do
  put "$file" "usr/share/doc/postern/examples/$file"
done
put systemd/tmpfiles.conf usr/lib/tmpfiles.d/postern.conf
put logrotate.conf etc/logrotate.d/postern
put debian/apparmor etc/apparmor.d/postern
put container/apparmor usr/lib/postern/deploy/container/apparmor
put debian/postern.yaml etc/postern/postern.yaml
complete() {
  mkdir -p "$root/$(dirname "$2")"
  "$root/usr/bin/postern" completion "$1" >"$root/$2"
}
complete bash usr/share/bash-completion/completions/postern
complete zsh usr/share/zsh/vendor-completions/_postern
complete fish usr/share/fish/vendor_completions.d/postern.fish

cp -r "$from"/{README,SECURITY,ARCHITECTURE,PROTOCOL}.md "$from/docs" "$doc"
cp "$from/CHANGELOG.md" "$doc/changelog"
printf 'postern (%s-1) unstable; urgency=medium\n\n  * The npm package of this version.\n\n -- postern <postern@example.com>  %s\n' \
  "$version" "$(date -R -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y "$from/package.json")}")" >"$doc/changelog.Debian"
{
  cat "$from/LICENSE"
  printf '\nThe programs contain packages of other people. Their names, versions and licences are in third-party.gz beside this file.\n'
  printf 'The Apache License 2.0 of some is in /usr/share/common-licenses/Apache-2.0.\n'
} >"$doc/copyright"
{
  cat "$from/dist/run/LICENCES.txt"
  printf '\nkoffi\n\n'
  cat "$from/node_modules/koffi/LICENSE.txt"
} >"$doc/third-party"
rm "$lib/dist/run/LICENCES.txt"
mkdir -p "$root/usr/share/lintian/overrides"
echo '# Both a script, which ends with exec, and a module of Node behind it.
postern: shell-script-fails-syntax-check [usr/lib/postern/dist/run/postern.js]' >"$root/usr/share/lintian/overrides/postern"
gzip -9n "$root"/usr/share/man/man?/* "$doc"/{changelog,changelog.Debian,third-party}

for script in postinst prerm postrm; do install -m 755 "$from/deploy/debian/$script" "$root/DEBIAN"; done
(cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/control" <<CONTROL
Package: postern
Version: $version-1
Architecture: $arch
Maintainer: postern <postern@example.com>
Section: admin
Priority: optional
Installed-Size: $(du -sk --exclude DEBIAN "$root" | cut -f1)
Depends: nodejs (>= 20), libseccomp2, libcap-ng0, libc6, libstdc++6
Suggests: logrotate, apparmor (>= 4), bash-completion
Description: $(node -p 'JSON.parse(fs.readFileSync(process.argv[1])).description.replace(/^./, (first) => first.toLowerCase())' "$from/package.json")
 A program that nobody trusts runs in namespaces, without a network. A broker
 outside makes each connection that a rule allows, and hands the connected
 socket to the program.
CONTROL
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | sort | xargs -d '\n' md5sum) >"$root/DEBIAN/md5sums"
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/postern_$version-1_$arch.deb" >/dev/null
echo "$out/postern_$version-1_$arch.deb"
