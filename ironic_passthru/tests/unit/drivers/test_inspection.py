# SPDX-License-Identifier: Apache-2.0
"""Mistakes in drivers, each with its place and remedy."""

import functools
import re
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from typing import Annotated
from typing import Any
from typing import Final

import pydantic

from ironic_passthru import errors
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import loader
from ironic_passthru.tests import base

published = driver_base.driver_passthru


class Good(driver_base.VendorInterface):
    """One method, without mistakes."""

    @published(['POST'])
    def go(self, rack: str) -> None:
        """Go."""


def unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def with_client(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(self: Any, rack: str) -> Any:
        return function(self, 'client', rack)

    return wrapper


def without_context(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(self: Any, **kwargs: Any) -> Any:
        return function(self, 'context', **kwargs)

    return wrapper


class Coroutine(Good):
    @published(['POST'])
    async def wrong(self) -> None: ...


class AsyncGenerator(Good):
    @published(['POST'])
    async def wrong(self) -> AsyncIterator[int]:
        yield 1


class Generator(Good):
    @published(['POST'])
    def wrong(self) -> Iterator[int]:
        yield 1


class NoSelf(Good):
    @published(['POST'])
    def wrong() -> None: ...  # type: ignore[misc]


class AnnotatedReceiver(Good):
    @driver_base.driver_passthru(['GET'])
    def wrong(bmc: str) -> None: ...  # type: ignore[misc]


class ContextReceiver(Good):
    @driver_base.driver_passthru(['GET'], target='bmc')
    def wrong(context, bmc: str) -> None: ...  # type: ignore


class ListOfValues(Good):
    @driver_base.driver_passthru(['GET'])
    def wrong(self, state: ['on', 'off']) -> None: ...  # type: ignore  # noqa: F821


class Property(Good):
    @property
    @published(['POST'])
    def wrong(self) -> int:
        return 1


class ClassMethod(Good):
    @classmethod
    @published(['POST'])
    def wrong(cls) -> None: ...


class StaticMethod(Good):
    @staticmethod
    @published(['POST'])
    def wrong() -> None: ...


class DecoratorOrder(Good):
    @unwrapped
    @published(['POST'])
    def wrong(self) -> None: ...


class NodeMethod(Good):
    @published(['POST'])
    def wrong(self, task, rack: str) -> None: ...  # type: ignore[no-untyped-def]


class ChangedArguments(Good):
    @published(['POST'])
    @with_client
    def wrong(self, client: Any, rack: str) -> None: ...


class ContextByName(Good):
    @published(['POST'])
    @without_context
    def wrong(self, context: Any) -> None: ...


class Pattern(Good):
    @published(['POST'])
    def wrong(
        self,
        rack: str,
        slot: Annotated[str, pydantic.Field(pattern='[')],
    ) -> None: ...


class Secret(Good):
    @published(['POST'], secret='pasword')
    def wrong(self, password: str) -> int:
        return 1


class Target(Good):
    @published(['POST'], target='bcm')
    def wrong(self, bmc: str) -> None: ...


class Mutable(Good):
    @published(['POST'])
    def wrong(self, tags: list[str] = []) -> None: ...  # noqa: B006


class Rack:
    def __init__(self) -> None:
        self.slots: list[int] = []


RACK = Rack()


class Shared(Good):
    @published(['POST'])
    def wrong(self, rack: Any = RACK) -> None: ...


class Hiding(Good):
    def __init__(self) -> None:
        self.login = {'password': 'hunter2'}

    @published(['POST'])
    def login(self) -> None: ...  # type: ignore[no-redef]


class Partial(Good):
    def passthru_methods(self) -> Iterator[Any]:
        for mark, function in super().passthru_methods():
            yield mark, functools.partial(function)


class PassthruMethodsFail(Good):
    def passthru_methods(self) -> Iterator[Any]:
        raise RuntimeError('no /etc/acme')


class NoMark(Good):
    def passthru_methods(self) -> Iterator[Any]:
        yield 'go', self.go


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(driver: Any, *args: Any, **kwargs: Any) -> Any:
        return function(driver, *args, **kwargs)

    return wrapper


class TakenByDecorator(Good):
    @published(['POST'])
    @timed
    def wrong(self, driver: str) -> None: ...


class TakenByValidate(Good):
    @published(['POST'])
    def wrong(self, driver: str) -> None: ...

    @timed
    def driver_validate(self, method: str, **kwargs: Any) -> None: ...


class FinalParameter(Good):
    @published(['POST'])
    def wrong(self, slot: Final[int] = 3) -> None: ...  # type: ignore


class Misspelled(Good):
    @published(['POST'], secret='pinn')
    def wrong(self, pin: str):  # type: ignore[no-untyped-def]
        return pin


class Override(Good):
    def go(self, rack: str) -> None: ...


class NoMethods(driver_base.VendorInterface):
    def wrong(self, rack: str) -> None: ...


class Example(Good):
    @driver_base.driver_passthru(['GET'], examples=[{'slot': 'x'}])
    def wrong(self, slot: int) -> None: ...


class AsyncValidate(Good):
    async def driver_validate(  # type: ignore[override]
        self, method: str, **kwargs: Any
    ) -> None: ...


class ValidateWithoutSelf(Good):
    def driver_validate(method, **kwargs: Any) -> None: ...  # type: ignore


class ValidateOther(Good):
    def driver_validate(  # type: ignore[override]
        self, name: str, **kwargs: Any
    ) -> None: ...


class ValidatePositional(Good):
    def driver_validate(self, method: str, /, **kwargs: Any) -> None: ...  # type: ignore[override]


class NodeValidate(Good):
    def validate(self, task: Any, method: str, **kwargs: Any) -> None: ...


ERRORS: dict[type[driver_base.VendorInterface], tuple[str, str]] = {
    Coroutine: ('is asynchronous', "write 'def'"),
    AsyncGenerator: ('is asynchronous', "write 'def'"),
    Generator: ('is a generator', 'return a list'),
    NoSelf: ('no parameter self', 'add self'),
    AnnotatedReceiver: ("first parameter 'bmc' receives", 'add self'),
    ContextReceiver: ("first parameter 'context' receives", 'add self'),
    ListOfValues: ("parameter 'state': ", "such as str, Literal['on', 'off']"),
    Property: ('is a property', 'plain method'),
    ClassMethod: ('is a class method', 'plain method'),
    StaticMethod: ('is a static method', 'plain method'),
    DecoratorOrder: ('hides driver_passthru', 'above the other decorators'),
    NodeMethod: ("parameter 'task'", "replace it by 'context'"),
    ChangedArguments: ("its parameter 'client'", 'omit functools.wraps'),
    ContextByName: ('the context by position', 'omit functools.wraps'),
    Pattern: ("parameter 'slot': ", 'unterminated character set'),
    Secret: ("its secret 'pasword'", "did you mean 'password'?"),
    Example: ('an example is not valid', "'slot'"),
    Target: ("its target 'bcm'", "did you mean 'bmc'?"),
    NoMethods: ('class NoMethods has no driver_passthru', 'it has wrong'),
    AsyncValidate: ('would never run', 'def driver_validate(self'),
    Hiding: ("attribute 'login' of the instance", 'give the attribute'),
    Partial: ('returns a partial object', 'return a method'),
    PassthruMethodsFail: ('passthru_methods() failed', 'no /etc/acme'),
    NoMark: ('passthru_methods() failed', 'a mark is a str'),
    TakenByDecorator: ("'driver' has the name of an", 'rename one'),
    TakenByValidate: ("'driver' has the name of an", 'rename one'),
    FinalParameter: ("'slot': Final and ClassVar", 'write the type alone'),
    ValidateWithoutSelf: ('no parameter self', 'def driver_validate(self'),
    ValidateOther: ("requires 'name'", 'def driver_validate(self'),
    ValidatePositional: ('by position', 'def driver_validate(self'),
}

WARNINGS: dict[type[driver_base.VendorInterface], tuple[str, str]] = {
    Mutable: ("parameter 'tags' can be changed; each call", 'use None'),
    Misspelled: ("secret 'pinn' is not a parameter", "did you mean 'pin'?"),
    Shared: ("parameter 'rack' can be changed; all calls share", 'use None'),
    NodeValidate: ("'validate' checks methods of nodes", 'driver_validate'),
}


class InspectionTest(base.TestCase):
    """A driver with one mistake, and its line in the report."""

    def _check_text(
        self, text: str, words: tuple[str, str], kind: type
    ) -> None:
        self.assertNotIn('\n', text)
        for word in words:
            self.assertIn(word, text)
        self.assertNotIn('hunter2', text)
        place = re.search(rf'{re.escape(__file__)}:(\d+)', text)
        self.assertIsNotNone(place, text)
        assert place is not None
        with open(__file__) as file:
            lines = file.read().split('\n')
        # The place is within the class that contains the mistake.
        first = lines.index(
            next(x for x in lines if x.startswith(f'class {kind.__name__}('))
        )
        number = int(place.group(1)) - 1
        self.assertIn(number - first, range(12), f'{kind}: {number} {first}')

    def test_errors(self) -> None:
        for kind, words in ERRORS.items():
            error = self.assertRaises(
                errors.DriverLoadError, loader.make, 'acme', kind()
            )
            start = "Driver 'acme' cannot be loaded: "
            self.assertTrue(error.message.startswith(start), error.message)
            self._check_text(error.message, words, kind)

    def test_warnings(self) -> None:
        for kind, words in WARNINGS.items():
            (found,) = loader.examine('acme', kind())
            self.assertEqual('warning', found.level)
            self.assertTrue(str(found).startswith("Driver 'acme': "))
            self._check_text(found.text, words, kind)
            self.assertIn('go', loader.make('acme', kind()).methods)

    def test_an_undecorated_override_is_the_cause(self) -> None:
        override, nothing = loader.examine('acme', Override())
        self.assertEqual('warning', override.level)
        self.assertIn('overrides a published method', override.text)
        self.assertIn('decorate go: an override needs its own', nothing.text)

    def test_all_mistakes_at_once(self) -> None:
        class Several(Coroutine, AsyncValidate):
            @published(['GET'], secret='a', target='b')
            def also(self) -> None: ...

        error = self.assertRaises(
            errors.DriverLoadError, loader.make, 'acme', Several()
        )
        lines = error.message.split('\n  ')
        self.assertEqual(5, len(lines), error.message)
        for words in ('secret', 'target', 'def driver_validate', 'async def'):
            self.assertTrue(any(words in line for line in lines), words)

    def test_decorators_that_keep_the_arguments(self) -> None:
        def kept(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def wrapper(self: Any, ctx: Any, *args: Any, **kw: Any) -> Any:
                return function(self, ctx, *args, **kw)

            return wrapper

        class Kept(driver_base.VendorInterface):
            @published(['POST'])
            @kept
            def go(self, context: Any, rack: str) -> str:
                return f'{context} {rack}'

        method = loader.make('acme', Kept()).methods['go']
        positional, named = method.signature.arguments(
            {'rack': 'r1'}, context='ctx', http_method='POST'
        )
        self.assertEqual('ctx r1', method.function(*positional, **named))

    def test_functions_that_are_no_mistakes(self) -> None:
        def internal(function: Callable[..., Any]) -> Callable[..., Any]:
            def helper(self: Any, **parameters: Any) -> Any:
                return function(self, **parameters)

            return helper

        class Correct(driver_base.VendorInterface):
            @published(['POST'])
            def go(self, rack: str) -> None: ...

            alias = go
            _again = internal(go)

            @staticmethod
            def driver_validate(  # type: ignore[override]
                method: str, http_method: str, **kwargs: Any
            ) -> None: ...

        self.assertEqual([], loader.examine('acme', Correct()))

    def test_a_decorator_of_driver_validate_with_fewer_names(self) -> None:
        def only_method(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def wrapper(self: Any, method: str) -> Any:
                return function(self, method)

            return wrapper

        class Named(Good):
            @only_method
            def driver_validate(self, method: str, **kwargs: Any) -> None: ...

        driver = loader.make('acme', Named())
        passed = {'method': 'go', 'http_method': 'POST', 'rack': 'r1'}
        self.assertEqual({'method': 'go'}, driver.validated.select(passed))

    def test_names_that_kwargs_would_pass_twice(self) -> None:
        class Open(driver_base.VendorInterface):
            @published(['POST'])
            @timed
            def go(self, **parameters: Any) -> None: ...

        method = loader.make('acme', Open()).methods['go']
        error = self.assertRaises(
            errors.InvalidParameters,
            method.signature.convert,
            'go',
            {'driver': 1},
        )
        self.assertIn("'driver': this name is reserved", error.message)
