# SPDX-License-Identifier: Apache-2.0
"""``new``: write the package of a new driver, with tests that pass."""

import importlib.util
import keyword
import pathlib
import re
import string
from importlib import metadata
from importlib import resources

from ironic_passthru import errors
from ironic_passthru.drivers import entry_points

_NAME = re.compile(r'[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*')
_ALLOWED = (
    'allowed are lower-case letters, digits and single hyphens or underscores '
    'between them, beginning with a letter'
)

# Path of each file of the package, by the name of its template.
FILES = {
    'README.md.in': 'README.md',
    'pyproject.toml.in': 'pyproject.toml',
    'driver.conf.in': '${name}.conf',
    '__init__.py.in': '${module}/__init__.py',
    'driver.py.in': '${module}/driver.py',
    'conftest.py.in': 'conftest.py',
    'test_driver.py.in': 'tests/test_driver.py',
    'calls_test.py.in': 'tests/calls_test.py',
}


def run(name: str, directory: pathlib.Path) -> list[pathlib.Path]:
    """Write the package ``name`` below a directory; return its files.

    :raises: ConfigError if the name is not allowed or used already, or if
        the files cannot be written.
    """
    module = name.replace('-', '_')
    class_name = ''.join(word.capitalize() for word in module.split('_'))
    _check_name(name, module, class_name)
    values = {'name': name, 'module': module, 'class_name': class_name}
    root = directory / name
    try:
        root.mkdir()
        return [_write(root, *file, values=values) for file in FILES.items()]
    except FileExistsError:
        raise errors.ConfigError(
            f'{root} exists: choose another name or --directory'
        ) from None
    except OSError as error:
        raise errors.ConfigError(
            f'Cannot write {error.filename}: {error.strerror}'
        ) from None


def _write(
    root: pathlib.Path, template: str, path: str, *, values: dict[str, str]
) -> pathlib.Path:
    source = resources.files(__package__) / 'template' / template
    target = root / string.Template(path).substitute(values)
    target.parent.mkdir(exist_ok=True)
    text = string.Template(source.read_text('utf-8')).substitute(values)
    target.write_text(text, 'utf-8')
    return target


def _check_name(name: str, module: str, class_name: str) -> None:
    if not _NAME.fullmatch(name):
        raise errors.ConfigError(f'Invalid name {name!r}: {_ALLOWED}')
    if keyword.iskeyword(module) or keyword.iskeyword(class_name):
        raise errors.ConfigError(
            f'Invalid name {name!r}: it is a keyword of Python; {_ALLOWED}'
        )
    for entry in metadata.entry_points(
        group=entry_points.NAMESPACE, name=name
    ):
        package = entry.dist.name if entry.dist else 'an unknown package'
        raise errors.ConfigError(
            f'Invalid name {name!r}: {package} has a driver of this name; '
            'choose another name'
        )
    if importlib.util.find_spec(module) is not None:
        raise errors.ConfigError(
            f'Invalid name {name!r}: a Python module {module} is installed; '
            'choose another name'
        )
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    raise errors.ConfigError(
        f'Invalid name {name!r}: a package of this name is installed; choose '
        'another name'
    )
