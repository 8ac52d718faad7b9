"""Addresses of accounts and sites."""

from __future__ import annotations

from django.urls import path

from fieldstation.hub.accounts import doors, operating, own
from fieldstation.hub.sites import views as sites

urlpatterns = [
    path("sign-up", doors.sign_up, name="sign-up"),
    path("password/forgotten", doors.forgotten, name="password-forgotten"),
    path("password/new/<str:who>/<str:token>", doors.new_password, name="password-new"),
    path("address/<str:text>", doors.new_address, name="address-confirm"),
    path("account", own.account, name="account"),
    path("account/password", own.password, name="account-password"),
    path("account/address", own.address, name="account-address"),
    path("account/language", own.language, name="account-language"),
    path("account/sessions/<int:number>/end", own.end_session, name="session-end"),
    path("account/sessions/end", own.end_others, name="sessions-end"),
    path("account/tokens", own.make_token, name="token-make"),
    path("account/tokens/<int:number>/revoke", own.revoke_token, name="token-revoke"),
    path("account/export", own.export, name="account-export"),
    path("account/delete", own.delete, name="account-delete"),
    path("account/keep", own.keep, name="account-keep"),
    path("operator", operating.operator, name="operator"),
    path("operator/sign-up", operating.sign_up, name="operator-sign-up"),
    path("operator/mail", operating.mail_test, name="operator-mail"),
    path("sites", sites.sites, name="sites"),
    path("sites/<slug:site>", sites.site, name="site"),
    path("sites/<slug:site>/change", sites.change, name="site-change"),
    path("sites/<slug:site>/invite", sites.invite, name="site-invite"),
    path("sites/<slug:site>/invitations/<int:number>/withdraw", sites.uninvite, name="uninvite"),
    path("sites/<slug:site>/members/<int:number>/role", sites.set_role, name="member-role"),
    path("sites/<slug:site>/members/<int:number>/remove", sites.remove, name="member-remove"),
    path("sites/<slug:site>/leave", sites.leave, name="site-leave"),
    path("sites/<slug:site>/log", sites.log, name="site-log"),
    path("join/<str:secret>", sites.join, name="join"),
]
