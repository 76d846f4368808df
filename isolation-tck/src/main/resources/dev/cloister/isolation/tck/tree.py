# Names, kinds, permissions and contents of all in the directories that are its arguments: a line each.
import hashlib, os, stat, sys


def show(path):
    seen = os.lstat(path)
    said = "%o %d" % (seen.st_mode, seen.st_nlink)
    if stat.S_ISREG(seen.st_mode):
        with open(path, "rb") as file:
            said += " " + hashlib.sha256(file.read()).hexdigest()
    # A directory counts its subdirectories, which are listed anyway.
    print(ascii(path), "" if stat.S_ISDIR(seen.st_mode) else said, sep="\t")


def failed(error):
    raise error


for root in sys.argv[1:]:
    show(root)
    for directory, directories, files in os.walk(root, onerror=failed):
        for name in directories + files:
            show(os.path.join(directory, name))
